package drift

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"
)

// A healthcheck is one as the engine keeps it.
type healthcheck struct {
	Test                                          []string
	Interval, Timeout, StartPeriod, StartInterval int64
	Retries                                       int64
}

// withDefaults returns a check that takes what it does not set from the image's.
func (h healthcheck) withDefaults(own healthcheck) healthcheck {
	if len(own.Test) > 0 {
		h.Test = own.Test
	}
	h.Interval, h.Timeout = cmp.Or(own.Interval, h.Interval), cmp.Or(own.Timeout, h.Timeout)
	h.StartPeriod, h.StartInterval = cmp.Or(own.StartPeriod, h.StartPeriod), cmp.Or(own.StartInterval, h.StartInterval)
	h.Retries = cmp.Or(own.Retries, h.Retries)
	return h
}

// fields are those of a check; the engine's defaults are written out, and a check that is
// switched off has no times.
func (h healthcheck) fields(f fields) {
	if len(h.Test) == 0 {
		return
	}
	f.set("healthcheck.test", sentence(h.Test))
	if h.Test[0] == "NONE" {
		return
	}
	for name, n := range map[string]int64{
		"interval": cmp.Or(h.Interval, int64(30*time.Second)), "timeout": cmp.Or(h.Timeout, int64(30*time.Second)),
		"start_period": h.StartPeriod, "start_interval": cmp.Or(h.StartInterval, int64(5*time.Second)),
	} {
		f.set("healthcheck."+name, time.Duration(n).String())
	}
	f.set("healthcheck.retries", strconv.FormatInt(cmp.Or(h.Retries, 3), 10))
}

// probe is the test of a check: a text is for a shell.
func probe(v any) []string {
	if one, ok := v.(string); ok && one != "" {
		return []string{"CMD-SHELL", one}
	}
	return stringsOf(v)
}

func nanoseconds(v any) int64 {
	d, err := time.ParseDuration(text(v))
	if err != nil {
		return 0
	}
	return int64(d)
}

func whole(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return 0
	}
	return i
}
