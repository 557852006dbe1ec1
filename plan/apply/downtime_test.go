package apply

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
)

var nine = time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return nine.Add(seconds(s)) }

// server is a look that found the server well, or not, since a moment of the host's clock.
func server(well bool, since time.Time, clock time.Time) *plan.Facts {
	f := &plan.Facts{Machine: plan.Machine{Clock: clock}, Project: plan.Project{Service: "chatalot"}}
	c := plan.Container{Service: "chatalot", State: "exited", Started: since.Format(time.RFC3339Nano)}
	if well {
		c.State = "running"
		f.Health = plan.Health{Asked: true, Code: 200, Status: "ok", DBHealthy: true}
	}
	f.Services = []plan.Container{c}
	return f
}

func logOf(text string) *swapLog {
	l := new(swapLog)
	l.add([]byte(text))
	l.close()
	return l
}

const (
	probed   = "clock 90000 1795467600\nprobe 910.0 910.0 1\nprobe 911.0 911.1 0\nprobe 913.2 913.3 1\nprobes 60 910.0 914.0\naway 91105 91320\nend healthy\n"
	migrated = "clock 90000 1795467600\nstage stop\nprobe 910.0 910.0 1\nprobe 911.0 911.1 0\nprobes 60 910.0 930.0\naway 91105 93000\nend migrated\n"
)

func TestTheClocksOfTheTests(t *testing.T) {
	if got := time.Unix(1795467600, 0).UTC(); !got.Equal(nine) {
		t.Fatalf("1795467600 is %v, which is %d", got, nine.Unix())
	}
}

// Rows 28 to 30, P2 and D1: what is told is the time without a server, over jobs, starts
// and runs, never less than it was.
func TestDowntimeIsWhatPassedWithoutAServer(t *testing.T) {
	for name, tt := range map[string]struct {
		play func(o *outages)
		now  time.Time
		want *Downtime
	}{
		"none": {func(o *outages) { o.took(logOf("probe 9.0 9.0 1\nprobes 30 9.0 12.0\nend kept\n"), at(0), at(9)) }, at(9), nil},
		"one swap, by its clock": {func(o *outages) { o.took(logOf(probed), at(8), at(16)) }, at(30),
			&Downtime{Millis: 2300, After: 1000, How: "probe", Probes: 60, Rate: 15, Gaps: []Gap{{From: at(11), Until: at(13.3)}}}},
		"one swap, without a clock": {func(o *outages) { o.took(logOf(strings.Replace(probed, "clock", "clocks", 1)), at(8), at(16)) }, at(30),
			&Downtime{Millis: 2300, After: 1000, How: "probe", Probes: 60, Rate: 15, Gaps: []Gap{{From: at(9), Until: at(11.3)}}}},
		"a clock that says nonsense": {func(o *outages) { o.took(logOf(strings.Replace(probed, "1795467600", "17", 1)), at(8), at(16)) }, at(30),
			&Downtime{Millis: 2300, After: 1000, How: "probe", Probes: 60, Rate: 15, Gaps: []Gap{{From: at(9), Until: at(11.3)}}}},
		"the host's clock is an hour ahead": {func(o *outages) {
			o.begin(nil, false, server(true, at(3000), at(3600+1)), at(1))
			o.took(logOf(strings.Replace(probed, "1795467600", "1795471200", 1)), at(8), at(16))
		}, at(30), &Downtime{Millis: 2300, After: 1000, How: "probe", Probes: 60, Rate: 15, Gaps: []Gap{{From: at(11), Until: at(13.3)}}}},
		"the same job read twice": {func(o *outages) { o.took(logOf(probed), at(8), at(16)); o.took(logOf(probed), at(8), at(600)) }, at(600),
			&Downtime{Millis: 2300, After: 1000, How: "probe", Probes: 120, Rate: 15, Gaps: []Gap{{From: at(11), Until: at(13.3)}}}},
		"it never came back": {func(o *outages) { o.took(logOf(migrated), at(8), at(31)) }, at(40),
			&Downtime{Millis: 29000, After: 1050, How: "script", AtLeast: true, Since: at(11), Gaps: []Gap{{From: at(11)}}}},
		"a later start of the run brought it back": {func(o *outages) {
			before := Downtime{How: "script", Since: at(11), Gaps: []Gap{{From: at(11)}}}
			o.begin(&before, true, server(false, at(-900), at(190)), at(190))
			o.took(logOf("clock 1000 1795467800\nprobe 11.0 11.0 0\nprobe 15.0 15.1 1\nprobes 60 11.0 16.0\naway 1150 1500\nend healthy\n"), at(195), at(210))
		}, at(210), &Downtime{Millis: 194100, How: "script", Probes: 60, Rate: 12, Gaps: []Gap{{From: at(11), Until: at(205.1)}}}},
		"a rollback brought it back": {func(o *outages) {
			before := Downtime{Millis: 29000, How: "probe", AtLeast: true, Since: at(11), Gaps: []Gap{{From: at(2), Until: at(3)}, {From: at(11)}}}
			o.begin(&before, false, server(false, at(-900), at(190)), at(190))
			o.took(logOf("clock 1000 1795467800\nprobe 11.0 11.0 0\nprobe 15.0 15.1 1\nprobes 60 11.0 16.0\naway 1150 1500\nend healthy\n"), at(195), at(210))
		}, at(210), &Downtime{Millis: 194100, How: "clock", Probes: 60, Rate: 12, Gaps: []Gap{{From: at(11), Until: at(205.1)}}}},
		"somebody brought it back before the rollback": {func(o *outages) {
			before := Downtime{How: "probe", AtLeast: true, Since: at(11), Gaps: []Gap{{From: at(11)}}}
			o.begin(&before, false, server(true, at(70), at(190)), at(190))
			o.took(logOf("clock 90000 1795468500\nprobe 910.0 910.0 1\nprobe 911.0 911.1 0\nprobe 913.2 913.3 1\nprobes 60 910.0 914.0\naway 91105 91320\nend healthy\n"), at(905), at(915))
		}, at(920), &Downtime{Millis: 2300, After: 1000, How: "probe", Probes: 60, Rate: 15, Gaps: []Gap{{From: at(911), Until: at(913.3)}}}},
		"a reboot brought it back, and its start is known": {func(o *outages) {
			o.add(Gap{From: at(11)})
			o.answers(server(true, at(77), at(300)), at(300))
		}, at(300), &Downtime{Millis: 66000, How: "clock", AtLeast: true, Gaps: []Gap{{From: at(11), Until: at(77), AtLeast: true}}}},
		"it was never stopped": {func(o *outages) {
			o.add(Gap{From: at(11)})
			o.answers(server(true, at(-5000), at(300)), at(300))
		}, at(300), nil},
		"two gaps": {func(o *outages) {
			o.took(logOf(probed), at(8), at(16))
			o.add(Gap{From: at(100), Until: at(101)})
		}, at(300), &Downtime{Millis: 3300, After: 1000, How: "probe", Probes: 60, Rate: 15, Gaps: []Gap{{From: at(11), Until: at(13.3)}, {From: at(100), Until: at(101)}}}},
		"it answered before the next job looked": {func(o *outages) {
			o.add(Gap{From: at(11)})
			o.took(logOf("clock 90000 1795467600\nprobe 930.0 930.0 1\nprobes 30 930.0 932.0\nend healthy\n"), at(25), at(33))
		}, at(40), &Downtime{Millis: 19000, How: "clock", Gaps: []Gap{{From: at(11), Until: at(30)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			var o outages
			tt.play(&o)
			got := o.total(tt.now)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A killed job has printed only what it said while it lived.
func TestAKilledJobLeavesItsMarks(t *testing.T) {
	l := logOf("clock 90000 1795467600\nstage stop\ngone 91105\nstage dump\n")
	if !l.stopping || l.end != "" || !l.at(l.gone, at(8), at(99), 0).Equal(at(11.05)) {
		t.Errorf("%+v", l)
	}
	run := journal.RunState{Steps: []journal.StepState{{Step: "swap", Do: journal.Intent, Begun: at(8)}}}
	p := &plan.Plan{Steps: []plan.Step{{ID: "swap", Op: plan.Swap{}}}}
	if d := OpenGap(run, p); d == nil || !d.Since.Equal(at(8)) || !d.AtLeast {
		t.Errorf("%+v", d)
	}
	run.Steps[0].Do = journal.Done
	if d := OpenGap(run, p); d != nil {
		t.Errorf("%+v", d)
	}
}
