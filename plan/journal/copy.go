package journal

import "fmt"

// ForRun returns the records of a run and of the runs that roll it back, notes
// included.
func ForRun(records []Record, run string) []Record {
	wanted := map[string]bool{run: true}
	for _, r := range records {
		if r.Kind == RunBegun && r.Undoes == run {
			wanted[r.Run] = true
		}
	}
	var out []Record
	for _, r := range records {
		if wanted[r.Run] {
			out = append(out, r)
		}
	}
	return out
}

// Encode writes records as a journal of their own, to be kept elsewhere. The
// same records give the same bytes.
func Encode(host string, records []Record) ([]byte, error) {
	if len(records) == 0 {
		return nil, fmt.Errorf("copy the journal of %s: it says nothing of that run", host)
	}
	out, sum, err := encode(entry{V: Version, Host: host, Record: Record{Kind: opened, Time: records[0].Time}})
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if err := r.check(); err != nil {
			return nil, err
		}
		line, next, err := encode(entry{V: Version, Seq: i + 1, Prev: sum, Host: host, Record: r})
		if err != nil {
			return nil, err
		}
		out, sum = append(out, line...), next
	}
	return out, nil
}

// Parse reads what [Encode] has written, or a journal's bytes. What names where
// they come from, for the error.
func Parse(data []byte, host, what string) (Contents, error) {
	c, err := parse(data, host)
	return c, withFile(what, err)
}
