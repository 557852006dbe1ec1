package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/journal"
	"liftalot/plan/report"
)

// pageEvidence is what report verify says of a page.
type pageEvidence struct {
	File  string   `json:"file"`
	Wrong string   `json:"wrong,omitempty"`
	Since []string `json:"since,omitempty"` // why the records would make another page by now

	known bool
}

func (e *pageEvidence) print(t *terminal) {
	switch {
	case e.Wrong != "":
		t.out.Printf("%s  %s\n      %s\n", ui.Bad("stop"), ui.Bold(e.File), e.Wrong)
	case len(e.Since) > 0:
		t.out.Printf("%s  %s  is as this machine has written it; since then %s\n", ui.Good("pass"), ui.Bold(e.File), strings.Join(e.Since, ", "))
	default:
		t.out.Printf("%s  %s  says what the records say, word by word\n", ui.Good("pass"), ui.Bold(e.File))
	}
}

func (e *pageEvidence) hint() string {
	if e.known {
		return "the page is as this machine has written it: the records were changed since; compare them with a copy of the state folder"
	}
	return `do not trust the page; "liftalot report --html FILE" writes one from the records`
}

// A pageError says that a page does not say what the records say.
type pageError struct{ page *pageEvidence }

func (e *pageError) Error() string { return e.page.File + ": " + e.page.Wrong }

// maxPage bounds what is read as a page.
const maxPage = 64 << 20

// A pageMaker makes an earlier page again, from the records as they were when it was made.
type pageMaker struct {
	*session
	recipe report.Recipe
	claims []report.Claim
}

// verifyPage makes a page once more and compares the two. An error is of a file that is no
// page.
func verifyPage(s *session, file string) (*pageEvidence, []report.Claim, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPage))
	if err != nil {
		return nil, nil, err
	}
	recipe, err := report.ReadRecipe(data)
	if err != nil {
		return nil, nil, err
	}
	claims, err := report.Claims(data)
	if err != nil && slices.ContainsFunc(recipe.Told, func(t report.Told) bool { return t.Run != "" }) {
		return nil, nil, err
	}
	e := &pageEvidence{File: file, known: s.state.wrotePage(data)}
	m := pageMaker{s, recipe, claims}
	anew, fresh, err := m.makeAgain()
	if err != nil {
		e.Wrong = err.Error()
		return e, claims, nil
	}
	switch difference := report.Difference(data, fresh); {
	case difference == "" && !e.known:
		e.Wrong = "its sentences are what the records say, and this machine has not written it: its title, its time and its version may be anybody's"
	case difference != "":
		if e.known {
			e.Since = m.happenedSince(anew)
		}
		if len(e.Since) == 0 {
			e.Wrong = difference
		}
	}
	return e, claims, nil
}

// makeAgain makes the page of the recipe, each journal read as far as the page knew it.
func (m pageMaker) makeAgain() (page report.Page, data []byte, err error) {
	recipe := m.recipe
	page = report.Page{Title: recipe.Title, Made: recipe.Made, Tool: recipe.Tool, Client: recipe.Client, Lang: recipe.Lang}
	what := telling{
		keep: func(host string, runs []journal.RunState) []journal.RunState {
			return onlyRuns(runs, recipe.Of(host)...)
		},
		until: m.lastKnownLine,
	}
	if recipe.Batch != "" {
		if what.batch, _, err = m.state.batchNamed(recipe.Batch); err != nil {
			return page, nil, err
		}
	}
	for _, name := range recipe.Hosts() {
		i := slices.IndexFunc(m.inv.Hosts(), func(h inventory.Host) bool { return h.Name == name })
		if i < 0 || what.batch != nil && what.batch.find(name) == nil {
			return page, nil, fmt.Errorf("the page tells of %q, which the inventory or the batch does not have", name)
		}
		what.hosts = append(what.hosts, m.inv.Hosts()[i])
	}
	if err := m.tell(&page, what); err != nil && len(page.Runs) == 0 {
		return page, nil, err
	}
	data, err = m.term.renderPage(page)
	return page, data, err
}

// lastKnownLine is the last line of a host's journal that the page knew.
func (m pageMaker) lastKnownLine(host string) (line int, ok bool) {
	for _, c := range m.claims {
		if c.Host == host {
			return c.Head.Line, true
		}
	}
	return 0, false
}

// happenedSince says what has happened since that the page could not know: with it the records
// make another page, and nobody has changed this one.
func (m pageMaker) happenedSince(anew report.Page) (list []string) {
	if m.recipe.Tool != version() {
		list = append(list, fmt.Sprintf("liftalot %s came, which may write pages otherwise", version()))
	}
	for _, r := range anew.Runs {
		line, _ := m.lastKnownLine(r.Host)
		c, err := journal.Load(m.state.host(r.Host), r.Host)
		if err == nil && slices.ContainsFunc(c.Records[min(line, len(c.Records)):], func(rec journal.Record) bool { return rec.Run == r.ID }) {
			list = append(list, fmt.Sprintf("run %s of %s was resumed", r.ID, r.Host))
		}
		tookOne := func(st report.Step) bool { return st.ID == "backup" && st.State == "done" }
		if r.Backup == nil && slices.ContainsFunc(r.Steps, tookOne) {
			list = append(list, fmt.Sprintf("the backup of run %s of %s was removed", r.ID, r.Host))
		}
	}
	if b, _, err := m.state.batchNamed(m.recipe.Batch); err == nil && m.recipe.Batch != "" && b.Ended.After(m.recipe.Made) {
		list = append(list, "its batch has ended")
	}
	return list
}
