// Package report is what a person reads afterwards: of each run what was done,
// when, by whom, what proves it, what came next, and what is left to do.
//
// [Tell] makes a [Run] of a plan and the journal's records; it reads no file and
// asks nobody. [Render] makes one HTML page of runs: self-contained, without a
// script and without anything that is fetched, so that it can be mailed to a
// client and opened in ten years. There are two: the technical report, and two pages
// for the client ([Page.Client]) in the languages of texts/, one file each. [Check]
// compares the evidence in the state folder with the journal.
//
// # Foreign text
//
// Titles, errors and diffs hold what hosts said. Render escapes them for HTML. What
// is invisible or turns text around is not HTML's business: whoever writes the page
// to a file escapes it as everything that is printed.
//
// # Evidence
//
// Each line of a journal carries the hash of the one before, see plan/journal. A
// page names the journal's last line at the time it was made, for each host, as
//
//	<meta name="liftalot-journal" content="HOST LINE SHA256">
//
// where LINE counts from 0. Who changes the journal afterwards has to change every
// later line, and then no longer fits a page that somebody else has.
//
// A page also carries its [Recipe], what it was made of besides the records:
//
//	<meta name="liftalot-page" content="JSON">
//
// With it the same page can be written again from the records, byte for byte, and
// [Difference] names the first sentence of a page that is another one.
package report

import (
	"encoding/json"
	"slices"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
)

// A Page is what one document tells.
type Page struct {
	Title  string
	Made   time.Time
	Tool   string // version of liftalot
	Client bool   // for the client: two pages without what is technical
	Lang   string // of the client's pages, "" is English
	Batch  string // that Rest is of
	Runs   []Run
	Rest   []Rest // hosts of a batch without a run
}

// A Rest is a host of a batch of which there is no run to tell, and why.
type Rest struct {
	Host string `json:"host"`
	Why  string `json:"why"`
}

// A Run is one run on one host.
type Run struct {
	Host    string           `json:"host"`
	ID      string           `json:"run"`
	Kind    string           `json:"kind"` // upgrade, rollback or restore
	Outcome string           `json:"outcome"`
	Error   string           `json:"error,omitempty"`
	Failure *journal.Failure `json:"failure,omitempty"` // what was seen of the step that failed
	By      []By             `json:"by"`
	Begun   time.Time        `json:"begun"`
	Ended   time.Time        `json:"ended,omitzero"` // zero while it is not finished

	From     string    `json:"from"`
	To       string    `json:"to"`
	Images   []Image   `json:"images"`
	Manifest string    `json:"manifest"` // state of the channel manifest's signature
	Channel  string    `json:"channel,omitempty"`
	Key      string    `json:"key_sha256,omitempty"` // of the vendor's key, by which the server trusts updates
	Downtime *Downtime `json:"downtime,omitempty"`
	Backup   *Backup   `json:"backup,omitempty"`
	Steps    []Step    `json:"steps"`

	Diffs      []plan.FileDiff `json:"diffs,omitempty"`
	Deviations []string        `json:"deviations,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
	FollowUps  []string        `json:"follow_ups,omitempty"`

	Later []Later `json:"later,omitempty"` // runs on the host since
	Next  string  `json:"next,omitempty"`  // what to do about the error, while nothing was done since

	Plan string `json:"plan_sha256"`
	Head Head   `json:"journal"`
}

// A Later is a run on the same host after the one that is told of.
type Later struct {
	Run     string    `json:"run"`
	Kind    string    `json:"kind"`
	Outcome string    `json:"outcome"`
	Undoes  bool      `json:"undoes,omitempty"` // it rolls back the run that is told of
	Begun   time.Time `json:"begun"`
}

// By is who worked, from where and with what.
type By struct {
	User    string `json:"user"`
	Machine string `json:"machine"`
	Version string `json:"version"`
}

// Head is the last line of a host's journal.
type Head struct {
	Line   int    `json:"line"` // counts from 0
	SHA256 string `json:"sha256"`
}

// An Image is one image of the release, with what stood in its place before.
type Image struct {
	Name      string `json:"name"`
	Before    string `json:"before,omitempty"` // id of the image that ran; "" when none did
	After     string `json:"after"`            // by digest; of a rollback the id of the image that came back
	Signature string `json:"signature"`        // "" for an image that came back
}

// Backup is what is known of the run's backup.
type Backup struct {
	ID        string    `json:"id"`
	Dir       string    `json:"dir"` // on the workstation
	OnHost    string    `json:"on_host,omitempty"`
	Taken     time.Time `json:"taken"`
	Database  string    `json:"database"`
	Tables    int       `json:"tables"`
	Migration int64     `json:"migration"`
	Files     []File    `json:"files"`
	Left      []Left    `json:"left,omitempty"`
}

// Left is something of the project that is not in the backup.
type Left struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Path   string `json:"path,omitempty"` // on the host
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A Step is one step as the journal has it.
type Step struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Reason string    `json:"reason"`
	State  string    `json:"state"` // done, failed, unknown, reverted, not reverted, not begun
	Begun  time.Time `json:"begun,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Swap   bool      `json:"swap,omitempty"` // the server was replaced in it
	Failed bool      `json:"failed,omitempty"`
}

// Words says how far the step came, for a person.
func (s Step) Words() string {
	if s.Failed && s.State != "failed" {
		return "failed, " + s.State
	}
	return s.State
}

// Took is how long the step lasted, 0 when it has no end.
func (s Step) Took() time.Duration {
	if s.Ended.IsZero() || s.Begun.IsZero() {
		return 0
	}
	return s.Ended.Sub(s.Begun)
}

// Tell makes a run of its plan and of the host's records. What else is known of
// it, the caller adds.
func Tell(p *plan.Plan, records []journal.Record) Run {
	r := Run{
		Host: p.Host, ID: p.ID, Kind: string(p.Kind), From: p.From, To: p.To, Manifest: p.Release.Signature,
		Diffs: p.Diffs, Deviations: p.Deviations, Warnings: p.Warnings,
	}
	if p.Kind == plan.Rollback {
		r.Manifest = "" // nothing of the release is installed
	}
	if p.Kind == plan.Upgrade {
		r.Channel, r.Key = p.Release.Channel, p.Release.KeySHA256
	}
	r.Images, r.Steps = images(p), []Step{}
	for _, s := range journal.Runs(records) {
		if !r.Begun.IsZero() {
			r.Later = append(r.Later, Later{Run: s.Run, Kind: kindOf(s.Action), Outcome: Words(s.Outcome), Undoes: s.Undoes == p.ID, Begun: s.Begun})
		}
		if s.Run == p.ID {
			r.Begun, r.Ended, r.Outcome, r.Plan = s.Begun, s.Ended, Words(s.Outcome), s.Plan
			r.Steps = steps(p, s, records)
			if s.Outcome != journal.Completed {
				_, r.Failure = s.Failure()
			}
			if s.Outcome == journal.Completed {
				r.FollowUps = p.FollowUps
			}
		}
	}
	if r.Begun.IsZero() {
		r.Outcome = notBegun
	}
	r.By = Who(p.ID, records)
	return r
}

// notBegun is the outcome of a run that the journal does not know.
const notBegun = "not begun"

// Who returns who worked on a run, as its notes say, each once in a row.
func Who(run string, records []journal.Record) (list []By) {
	list = []By{}
	for _, rec := range records {
		var who By
		if rec.Kind != journal.Note || rec.Run != run || json.Unmarshal(rec.Data, &who) != nil || who.User == "" {
			continue
		}
		if n := len(list); n == 0 || list[n-1] != who {
			list = append(list, who)
		}
	}
	return list
}

// Words says how a run ended, for a reader who knows no journal.
func Words(o journal.Outcome) string {
	switch o {
	case journal.Completed:
		return "completed"
	case journal.RolledBack:
		return "failed and rolled back"
	case journal.Aborted:
		return "failed before anything was changed"
	case journal.Forgotten:
		return "given up, left as it was"
	case journal.NeedsPerson:
		return "failed, needs a person"
	}
	return "interrupted, not finished"
}

func kindOf(a journal.Action) string {
	switch a {
	case journal.Rollback:
		return string(plan.Rollback)
	case journal.Restore:
		return string(plan.Restoration)
	}
	return string(plan.Upgrade)
}

// Result says what a run came to: "completed" is said of none, for a rollback that went
// well is no upgrade that did.
func (r Run) Result() string { return resultOf(r.Kind, r.Outcome) }

func resultOf(kind, outcome string) string {
	if outcome != Words(journal.Completed) {
		return outcome
	}
	switch plan.RunKind(kind) {
	case plan.Rollback:
		return "rolled back"
	case plan.Restoration:
		return "restored"
	}
	return "upgraded"
}

// Result says what the later run came to.
func (l Later) Result() string { return resultOf(l.Kind, l.Outcome) }

// LaterResult is what the last of the later runs came to, "" without one.
func (r Run) LaterResult() string {
	if len(r.Later) == 0 {
		return ""
	}
	return r.Later[len(r.Later)-1].Result()
}

// Undone reports whether a later run rolled this one back.
func (r Run) Undone() bool {
	return slices.ContainsFunc(r.Later, func(l Later) bool { return l.Undoes && l.Outcome == Words(journal.Completed) })
}

// images are the release's, each beside the image that ran when the plan was made.
func images(p *plan.Plan) []Image {
	list := []Image{}
	ran := map[string]string{}
	for _, c := range p.Baseline.Containers {
		ran[c.Service] = c.ImageID
	}
	if p.Kind == plan.Rollback {
		return returned(p, ran)
	}
	for _, i := range []struct {
		name, service string
		ref           plan.Ref
	}{
		{"server", p.Project.Service, p.Release.Server}, {"updater", plan.UpdaterService, p.Release.Updater},
		{"socket proxy", plan.ProxyService, p.Release.Proxy},
	} {
		if i.ref.Digest != "" {
			list = append(list, Image{Name: i.name, Before: ran[i.service], After: i.ref.ByDigest(), Signature: i.ref.Signature})
		}
	}
	return list
}

// returned is the image that a rollback leads to, beside the one that ran before it.
func returned(p *plan.Plan, ran map[string]string) []Image {
	swap, ok := plan.Find[plan.Swap](p.Steps)
	if !ok {
		return []Image{}
	}
	return []Image{{Name: "server", Before: ran[p.Project.Service], After: swap.OldImage}}
}

// steps are the plan's, each with what the journal says of it.
func steps(p *plan.Plan, s journal.RunState, records []journal.Record) []Step {
	list := []Step{}
	for _, step := range p.Steps {
		one := Step{ID: step.ID, Title: step.Title, Reason: step.Reason, Swap: plan.Is[plan.Swap](step.Op), State: state(s.Step(step.ID))}
		one.Failed = s.Step(step.ID).Do == journal.Failed
		for _, r := range records {
			if r.Run != p.ID || r.Step != step.ID {
				continue
			}
			switch r.Kind {
			case journal.Intent:
				one.Begun, one.Ended = r.Time, time.Time{}
			case journal.Done, journal.Failed, journal.Unknown:
				one.Ended = r.Time
			}
		}
		list = append(list, one)
	}
	return list
}

func state(s journal.StepState) string {
	switch {
	case s.Undo == journal.UndoDone:
		return "reverted"
	case s.Undo != "":
		return "not reverted"
	case s.Do == journal.Done:
		return "done"
	case s.Do == journal.Failed:
		return "failed"
	case s.Do != "":
		return "unknown"
	}
	return "not begun"
}
