package report

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/units"
)

// clientOf is a page for the client.
func clientOf(p Page, lang string) Page {
	p.Client, p.Lang = true, lang
	return p
}

func rendered(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var named = regexp.MustCompile(`\{[a-z]+\}`)

// Each language has the same sentences, with the same names in them, and each is used.
func TestTheLanguagesSayTheSame(t *testing.T) {
	english, err := readTexts(English)
	if err != nil {
		t.Fatal(err)
	}
	if got := Languages(); !slices.Equal(got, []string{"de", "en"}) {
		t.Errorf("languages %q", got)
	}
	for _, lang := range Languages() {
		other, err := readTexts(lang)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := slices.Sorted(maps.Keys(english.sentences)), slices.Sorted(maps.Keys(other.sentences)); !slices.Equal(a, b) {
			t.Errorf("%s has the sentences %q, and %s %q", English, a, lang, b)
		}
		for key, s := range english.sentences {
			a, b := named.FindAllString(s, -1), named.FindAllString(other.sentences[key], -1)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) || other.sentences[key] == "" {
				t.Errorf("%q has %q in %s and %q in %s", key, a, English, b, lang)
			}
		}
	}
	code, err := os.ReadFile("client.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("texts.go")
	if err != nil {
		t.Fatal(err)
	}
	for key := range english.sentences {
		_, last, _ := strings.Cut(key, ".")
		if !strings.Contains(string(code)+string(more), `"`+key+`"`) && !strings.Contains(string(code), `"`+last+`"`) {
			t.Errorf("no page says %q", key)
		}
	}
	if _, err := readTexts("../en"); err == nil {
		t.Error("a language that there is not was found")
	}
}

// What a client must find is on the page, in both languages, and nothing of what is for
// people of the trade.
func TestTheClientsPage(t *testing.T) {
	for lang, wants := range map[string][]string{
		"en": {"1 of 3 servers receive", "not upgraded: it failed, and 0.23.0 was put back", "no run is recorded", "2.3 s", "33 tables", "Whom your server trusts", "the channel “stable”", "Sign in as an administrator", "offline"},
		"de": {"1 von 3 Servern", "nicht aktualisiert: es schlug fehl, und 0.23.0 läuft wieder", "kein Lauf verzeichnet", "2,3 s", "33 Tabellen", "Wem Ihr Server vertraut", "dem Kanal „stable“", "als Administrator an", "ohne Verbindung zum Netz"},
	} {
		page := rendered(t, clientOf(aPage(), lang))
		for _, want := range append(wants, `<html lang="`+lang+`"`, "2026-11-23 21:04 UTC", strings.Repeat("8", 64), strings.Repeat("9", 64), "/var/backups/chatalot-pre-managed-update-") {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
		for _, never := range []string{"<pre", "{", "restarted 3 times", "/home/ann", "held back"} {
			if _, body, _ := strings.Cut(page, "</style>"); strings.Contains(body, never) {
				t.Errorf("%s: the page holds %q", lang, never)
			}
		}
	}
	if err := Render(new(bytes.Buffer), clientOf(aPage(), "fr")); err == nil || !strings.Contains(err.Error(), "only in de, en") {
		t.Errorf("another language: %v", err)
	}
}

// Each end of a run has its sentence, and only a server that has managed updates is told
// how to use them.
func TestWhatTheClientIsTold(t *testing.T) {
	for want, change := range map[string]func(*Run){
		"upgraded":                   func(*Run) {},
		"upgraded, then put back":    func(r *Run) { r.Later = []Later{{Kind: "rollback", Outcome: "completed", Undoes: true}} },
		"not upgraded: it failed":    func(r *Run) { r.Outcome = "failed and rolled back" },
		"nothing was changed":        func(r *Run) { r.Outcome = "failed before anything was changed" },
		"we are at work on it":       func(r *Run) { r.Outcome = "failed, needs a person" },
		"begun and not finished yet": func(r *Run) { r.Outcome = "interrupted, not finished" },
		"ended by hand":              func(r *Run) { r.Outcome = "given up, left as it was" },
		"not begun":                  func(r *Run) { r.Outcome = "not begun" },
		"put back to 0.24.6":         func(r *Run) { r.Kind = string(plan.Rollback) },
		"restored from its backup":   func(r *Run) { r.Kind = string(plan.Restoration) },
		"failed, and 0.23.0 was put": func(r *Run) {
			r.Outcome, r.Later = "failed, needs a person", []Later{{Kind: "rollback", Outcome: "completed", Undoes: true}}
		},
		"at least 2.3 s":               func(r *Run) { r.Downtime.AtLeast = true },
		"since 2026-11-23 21:04 UTC":   func(r *Run) { r.Downtime.Since = began },
		"Not everything of the":        func(r *Run) { r.Images[0].Signature = "not signed" },
		"with this key before anythin": func(r *Run) { r.Images = r.Images[:2] },
		"chosen by its number":         func(r *Run) { r.Channel = "" },
	} {
		page := aPage()
		page.Runs, page.Rest = page.Runs[:1], nil
		change(&page.Runs[0])
		_, body, _ := strings.Cut(rendered(t, clientOf(page, "")), "<main>")
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
		if got := strings.Contains(body, "Sign in as an administrator"); got != page.Runs[0].managed() {
			t.Errorf("%q: how to update is told: %v", want, got)
		}
	}
}

// A server that was down until a later run is told as down until then, and the picture
// reaches as far.
func TestDowntimeReachesToTheNextAnswer(t *testing.T) {
	from := began.Add(10 * time.Second)
	r := Tell(aPlan("web1"), records(aPlan("web1"), "swap"))
	r.Downtime = &Downtime{Millis: 3000, How: "probe", Since: from, Gaps: []Gap{{From: from}}, Words: "down since 21:04 UTC"}
	if l := draw(1, r); l.Down[0].X+l.Down[0].Width != width || l.End == 0 || !strings.HasPrefix(l.Marks[1], "still down") {
		t.Errorf("still down: %+v", l)
	}
	page := aPage()
	page.Runs = []Run{r}
	if text := rendered(t, page); !strings.Contains(text, "No answer is known since then: 59m50s when this page was made") {
		t.Errorf("the page says nothing of what is since: %s", text)
	}
	other := &Downtime{Gaps: []Gap{{From: from.Add(-time.Hour), Until: from.Add(-time.Minute)}, {From: from}}}
	if r.Downtime.EndedBy("x", other); r.Downtime.Since.IsZero() {
		t.Error("another gap, or one without an end, ended it")
	}
	r.Downtime.EndedBy("the-rollback", &Downtime{Gaps: []Gap{{From: from.Add(time.Second), Until: from.Add(12 * time.Minute)}}})
	if d := r.Downtime; !d.Since.IsZero() || d.Millis != 12*60*1000 || d.Sentence() != "down for 12m00s" || d.BroughtBack() != "It was down from 21:04:15 to 21:16:15, when run the-rollback brought it back." {
		t.Errorf("got %+v: %s, %s", d, d.Sentence(), d.BroughtBack())
	}
	l := draw(1, r)
	if l.Down[0].X+l.Down[0].Width != width || l.End > 50 || l.Marks[1] != "21:16:15" {
		t.Errorf("ended later: %+v", l)
	}
}

// A page carries what it was made of, and the first sentence that is another one is named.
func TestRecipe(t *testing.T) {
	page := aPage()
	page.Title, page.Batch = `"it's" <b> & more`, "20261123T210405.000Z"
	text := []byte(rendered(t, page))
	r, err := ReadRecipe(text)
	if err != nil || r.Title != page.Title || !r.Made.Equal(page.Made) || r.Tool != page.Tool || r.Batch != page.Batch {
		t.Errorf("got %+v, %v", r, err)
	}
	if !slices.Equal(r.Hosts(), []string{"web1", "web2", "web9"}) || !slices.Equal(r.Of("web2"), []string{page.Runs[1].ID}) || r.Of("web9") != nil {
		t.Errorf("got %+v", r)
	}
	for _, bad := range []string{"", "<html></html>", `<meta name="liftalot-page" content="{">`} {
		if _, err := ReadRecipe([]byte(bad)); err == nil {
			t.Errorf("%q is a page", bad)
		}
	}
	if d := Difference(text, text); d != "" {
		t.Errorf("the same page: %s", d)
	}
	for change, want := range map[string]string{
		"down for 2.3s=down for 0.3s": `under "web1: upgrade from 0.23.0 to 0.24.6" the page says "down for 0.3s", and the records say "down for 2.3s"`,
		"<h3>Backup</h3>=":            `the page says "`,
		"</html>\n=</html>\nmore":     `the page says "more", and the records say ""`,
		`<td data-label="Run:">=<td>`: `data-label=`,
	} {
		was, is, _ := strings.Cut(change, "=")
		if strings.HasPrefix(was, "<td data-label") {
			was, is = `<td data-label="Run:">`, `<td>`
		}
		if got := Difference([]byte(strings.Replace(string(text), was, is, 1)), text); !strings.Contains(got, want) {
			t.Errorf("%s: %s", change, got)
		}
	}
}

func TestUnitsForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 440 * time.Millisecond: "0.4s", 2 * time.Second: "2s", 59949 * time.Millisecond: "59.9s", 121850 * time.Millisecond: "2m02s", 3 * time.Hour: "3h00m",
	} {
		if got := units.Duration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	german, err := readTexts("de")
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[time.Duration]string{2290 * time.Millisecond: "2,3 s", 121850 * time.Millisecond: "2 min 2 s", 185 * time.Minute: "3 h 5 min"} {
		if got := german.duration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}

}
