package report

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"liftalot/plan"
	"liftalot/plan/journal"
)

// A Mismatch is a sentence about something that is not as the journal says.
type Mismatch string

// Check compares the evidence of a host's runs with its journal, whose own chain
// was checked when it was read. planOf returns the bytes of a run's plan file.
func Check(c journal.Contents, planOf func(run string) ([]byte, error)) (runs int, bad []Mismatch) {
	for _, r := range journal.Runs(c.Records) {
		runs++
		if r.Plan == "" {
			continue // it was only noted
		}
		data, err := planOf(r.Run)
		switch {
		case err != nil:
			bad = append(bad, Mismatch(fmt.Sprintf("run %s: its plan cannot be read: %v", r.Run, err)))
		case plan.Hash(data) != r.Plan:
			bad = append(bad, Mismatch(fmt.Sprintf("run %s: its plan is not the one that was carried out: SHA-256 %s, the journal says %s", r.Run, plan.Hash(data), r.Plan)))
		}
	}
	return runs, bad
}

// A Claim is what a page says of a host's journal.
type Claim struct {
	Host string
	Head Head
}

var claim = regexp.MustCompile(`<meta name="liftalot-journal" content="([^" ]+) ([0-9]{1,9}) ([0-9a-f]{64})">`)

// Claims reads what an earlier page says of journals.
func Claims(page []byte) (list []Claim, err error) {
	end := bytes.Index(page, []byte("</head>"))
	if end < 0 {
		return nil, errors.New("it is not a page that liftalot has made")
	}
	for _, m := range claim.FindAllSubmatch(page[:end], -1) {
		line, err := strconv.Atoi(string(m[2]))
		if err != nil {
			return nil, fmt.Errorf("read the page: %w", err)
		}
		list = append(list, Claim{Host: string(m[1]), Head: Head{Line: line, SHA256: string(m[3])}})
	}
	if len(list) == 0 {
		return nil, errors.New("it names no journal")
	}
	return list, nil
}

// Hold compares a claim with the journal as it is now.
func (c Claim) Hold(now journal.Contents) error {
	sum, ok := now.Sum(c.Head.Line)
	switch {
	case !ok:
		return fmt.Errorf("the page saw line %d, and the journal ends before it: records are missing", c.Head.Line)
	case sum != c.Head.SHA256:
		return fmt.Errorf("line %d is not the one the page saw: the journal was written anew", c.Head.Line)
	}
	return nil
}
