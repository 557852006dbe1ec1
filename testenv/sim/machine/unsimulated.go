package machine

import "fmt"

// An UnsimulatedError says that a program was asked for something that the simulation
// does not know. What came of it proves nothing, however the script went on.
type UnsimulatedError struct{ Program, What string }

func (e *UnsimulatedError) Error() string {
	return fmt.Sprintf("%s: %s is not simulated", e.Program, e.What)
}

// Unsimulated notes on the machine that the process was asked for something unknown, and
// says so on its standard error. Scripts throw that away: whoever owns the machine asks
// [Machine.Unsimulated].
func (p *Proc) Unsimulated(program, format string, args ...any) int {
	err := &UnsimulatedError{program, fmt.Sprintf(format, args...)}
	if p.M.unsimulated == nil {
		p.M.unsimulated = err
	}
	fmt.Fprintln(p.Stderr(), err)
	return 2
}

// Unsimulated is the first thing that a program of this machine was asked for and does
// not know, as an [*UnsimulatedError], or nil.
func (m *Machine) Unsimulated() (err error) {
	m.Do(func() {
		if m.unsimulated != nil {
			err = m.unsimulated
		}
	})
	return err
}

// OnHost reports whether a process is in no container.
func (p *Proc) OnHost() bool { return p.Root == p.M.root }
