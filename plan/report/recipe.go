package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Recipe is what a page is made of besides the records: with both the same page can be
// written again, byte for byte.
type Recipe struct {
	Title  string    `json:"title"`
	Made   time.Time `json:"made"`
	Tool   string    `json:"tool"`
	Client bool      `json:"client,omitempty"`
	Lang   string    `json:"lang,omitempty"`
	Batch  string    `json:"batch,omitempty"`
	Told   []Told    `json:"told"` // in the order of the page
}

// Told is a host with the run that is told of it, "" where there is none.
type Told struct {
	Host string `json:"host"`
	Run  string `json:"run,omitempty"`
}

// recipe is the page's, as the page carries it.
func (p Page) recipe() (string, error) {
	r := Recipe{Title: p.Title, Made: p.Made.UTC(), Tool: p.Tool, Client: p.Client, Lang: p.Lang, Batch: p.Batch, Told: []Told{}}
	for _, run := range p.Runs {
		r.Told = append(r.Told, Told{run.Host, run.ID})
	}
	for _, rest := range p.Rest {
		r.Told = append(r.Told, Told{Host: rest.Host})
	}
	data, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write the page: %w", err)
	}
	return string(data), nil
}

var recipeLine = regexp.MustCompile(`<meta name="liftalot-page" content="([^"]*)">`)

// ReadRecipe reads what an earlier page was made of.
func ReadRecipe(page []byte) (r Recipe, err error) {
	m := recipeLine.FindSubmatch(page)
	if m == nil {
		return r, errors.New("it does not say what it was made of: liftalot before 0.5.0 has made it, or nobody's liftalot has; make a new page")
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &r); err != nil {
		return r, errors.New("what it says it was made of cannot be read: it is not as liftalot wrote it")
	}
	return r, nil
}

// Of returns the runs of a host that the page tells of.
func (r Recipe) Of(host string) (runs []string) {
	for _, t := range r.Told {
		if t.Host == host && t.Run != "" {
			runs = append(runs, t.Run)
		}
	}
	return runs
}

// Hosts are those of the page, each once.
func (r Recipe) Hosts() (list []string) {
	for _, t := range r.Told {
		if !slices.Contains(list, t.Host) {
			list = append(list, t.Host)
		}
	}
	return list
}

// Difference says where a page is not what the records make of it, "" where it is the
// same in every byte.
func Difference(page, records []byte) string {
	at := 0
	for at < len(page) && at < len(records) && page[at] == records[at] {
		at++
	}
	if at == len(page) && at == len(records) {
		return ""
	}
	where := ""
	if h := heading(records, at); h != "" {
		where = fmt.Sprintf("under %q ", h)
	}
	return fmt.Sprintf("%sthe page says %q, and the records say %q", where, around(page, at), around(records, at))
}

// heading is the last one of the second rank before a place.
func heading(page []byte, at int) string {
	before := string(page[:min(at, len(page))])
	begin := strings.LastIndex(before, "<h2>")
	if begin < 0 {
		return ""
	}
	text, _, whole := strings.Cut(before[begin+len("<h2>"):], "</h2>")
	if !whole {
		return ""
	}
	return html.UnescapeString(text)
}

// around is the sentence at a place: what stands between two tags, or a tag.
func around(page []byte, at int) string {
	const most = 300
	text := string(page)
	at = min(at, len(text))
	begin := strings.LastIndexAny(text[:at], "<>")
	switch {
	case begin < 0:
		begin = 0
	case text[begin] == '>':
		begin++
	}
	end := len(text)
	if n := strings.IndexAny(text[at:], "<>"); n >= 0 {
		end = at + n
	}
	if begin < len(text) && text[begin] == '<' && end < len(text) && text[end] == '>' {
		end++
	}
	begin, end = max(begin, at-most), min(end, at+most)
	return strings.ToValidUTF8(html.UnescapeString(strings.TrimSpace(text[min(begin, end):end])), "")
}
