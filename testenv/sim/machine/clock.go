package machine

import (
	"container/heap"
	"time"
)

// A clock is a machine's time. In virtual time it moves only by next.
type clock struct {
	now    time.Time
	booted time.Time
	real   bool
	began  time.Time // in real time, when now was set
	alarms alarms
	serial int
}

// An alarm wakes a process.
type alarm struct {
	at     time.Time
	serial int
	ring   func()
	index  int
}

func (c *clock) time() time.Time {
	if c.real {
		return c.now.Add(time.Since(c.began))
	}
	return c.now
}

// advance moves the clock without ringing anything on the way.
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

// Wait lets time go by in which nothing happens. For use within Do.
func (m *Machine) Wait(d time.Duration) { m.clock.advance(d) }

// set sets an alarm; in real time the caller starts a timer of its own.
func (c *clock) set(d time.Duration, ring func()) *alarm {
	c.serial++
	a := &alarm{at: c.now.Add(d), serial: c.serial, ring: ring}
	heap.Push(&c.alarms, a)
	return a
}

func (c *clock) cancel(a *alarm) {
	if a.index >= 0 {
		heap.Remove(&c.alarms, a.index)
	}
}

// next jumps to the next alarm and rings it.
func (c *clock) next() bool {
	if len(c.alarms) == 0 {
		return false
	}
	a := heap.Pop(&c.alarms).(*alarm)
	if a.at.After(c.now) {
		c.now = a.at
	}
	a.ring()
	return true
}

type alarms []*alarm

func (a alarms) Len() int { return len(a) }
func (a alarms) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].serial < a[j].serial
	}
	return a[i].at.Before(a[j].at)
}
func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}
func (a *alarms) Push(x any) {
	x.(*alarm).index = len(*a)
	*a = append(*a, x.(*alarm))
}
func (a *alarms) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	last.index = -1
	return last
}
