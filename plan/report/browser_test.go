package report

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// requireEnv set makes a missing browser a failure.
const requireEnv = "LIFTALOT_REQUIRE_CHROMIUM"

// browser starts a real one.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv(requireEnv) != "" {
			t.Fatalf("%s is set and there is no chromium: %v", requireEnv, err)
		}
		fmt.Fprintln(os.Stderr, "NOT RUN: the report in a real browser: there is no chromium (Debian: apt-get install chromium)")
		t.Skip("NOT RUN: no chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// audited is what the browser makes of the page.
type audited struct {
	Width, Scroll int
	Headings      []string // levels, in order
	Contrast      []string // texts that are hard to read
	Unnamed       []string // pictures and links without a name
	Wide          []string // elements that stick out
	Scrolled      []string // elements that scroll by themselves
	Main          bool
	Lang          string
}

// audit holds the page against what the guidelines for accessibility ask: contrast
// of 4.5, headings without a gap, names for pictures.
const audit = `(() => {
  const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b };
  const rgb = s => s.match(/[\d.]+/g).map(Number);
  const paper = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
  const out = { Width: innerWidth, Scroll: document.documentElement.scrollWidth, Headings: [], Contrast: [], Unnamed: [], Wide: [], Scrolled: [], Main: !!document.querySelector('main'), Lang: document.documentElement.lang };
  for (const h of document.querySelectorAll('h1,h2,h3,h4')) out.Headings.push(h.tagName);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || e.closest('svg')) continue;
    const [a, b] = [lum(rgb(getComputedStyle(e).color).slice(0, 3)), lum(paper(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) out.Contrast.push(e.tagName + ' ' + walk.currentNode.textContent.trim().slice(0, 40));
  }
  for (const s of document.querySelectorAll('svg')) if (!document.getElementById(s.getAttribute('aria-labelledby'))) out.Unnamed.push('svg');
  for (const a of document.querySelectorAll('a')) if (!a.textContent.trim() || !document.getElementById(a.getAttribute('href').slice(1))) out.Unnamed.push(a.outerHTML);
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('pre, .table, svg') && !e.matches('pre, .table, svg')) continue;
    if (e.getBoundingClientRect().right > innerWidth + 1) out.Wide.push(e.tagName + ' ' + e.className);
  }
  for (const e of document.querySelectorAll('body *')) {
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX) && e.tagName !== 'svg' || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) out.Scrolled.push(e.tagName + ' ' + e.className);
  }
  return out;
})()`

// A shown is a page that is looked at, and what it may take on paper.
type shown struct {
	name   string // of its pictures in docs/
	lang   string
	page   Page
	widths []int64
	sheets int
}

func shownPages(t *testing.T) []shown {
	evening, german := anEvening(t), anEvening(t)
	german.Title, _ = Title("de", "acme")
	return []shown{
		{"report", "en", evening, []int64{400, 1200}, 8},
		{"client-en", "en", clientOf(evening, "en"), []int64{400, 1200}, 2},
		{"client-de", "de", clientOf(german, "de"), []int64{400, 1200}, 2},
		{"", "en", aPage(), []int64{400, 1200}, 4},
	}
}

// anEvening is a page of three hosts, whose steps and files are those of real plans.
func anEvening(t *testing.T) (p Page) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "evening.json"))
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// An overheard is what a page asks for, and what the console says of it.
type overheard struct {
	mu          sync.Mutex
	asked, said []string
}

func (o *overheard) take(ev any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		o.asked = append(o.asked, ev.Request.URL)
	case *runtime.EventExceptionThrown:
		o.said = append(o.said, ev.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		o.said = append(o.said, ev.Entry.Text)
	}
}

func TestThePagesInABrowser(t *testing.T) {
	ctx := browser(t)
	heard := new(overheard)
	if err := chromedp.Listen(ctx, heard.take); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, s := range shownPages(t) {
		file := filepath.Join(dir, fmt.Sprintf("%d.html", i))
		if err := os.WriteFile(file, []byte(rendered(t, s.page)), 0o600); err != nil {
			t.Fatal(err)
		}
		at := (&url.URL{Scheme: "file", Path: file}).String()
		for _, width := range s.widths {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 1300), chromedp.Navigate(at)); err != nil {
				t.Fatal(err)
			}
			s.hold(ctx, t, width, false)
			if s.name == "report" {
				picture(ctx, t, fmt.Sprintf("report-%d.png", width), chromedp.CaptureScreenshot())
			}
		}
		s.print(ctx, t)
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	for _, u := range heard.asked {
		if !strings.HasPrefix(u, "file://"+dir) && !strings.HasPrefix(u, "data:") {
			t.Errorf("a page asks for %s", u)
		}
	}
	if len(heard.asked) < 8 || len(heard.said) > 0 {
		t.Errorf("%d requests were seen, and the console says %q", len(heard.asked), heard.said)
	}
}

// hold holds what the browser makes of a page against what it must be.
func (s shown) hold(ctx context.Context, t *testing.T, width int64, print bool) {
	t.Helper()
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[audited](audit))
	if err != nil {
		t.Fatal(err)
	}
	if seen.Width != int(width) || seen.Scroll > seen.Width || len(seen.Wide) > 0 {
		t.Errorf("%s at %d: the page is %d wide in a window of %d; %q stick out", s.name, width, seen.Scroll, seen.Width, seen.Wide)
	}
	if len(seen.Contrast) > 0 || len(seen.Unnamed) > 0 || !seen.Main || seen.Lang != s.lang || print && len(seen.Scrolled) > 0 {
		report, _ := json.Marshal(seen)
		t.Errorf("%s at %d is hard to use: %s", s.name, width, report)
	}
	for i, h := range seen.Headings {
		if i == 0 && h != "H1" || i > 0 && h > seen.Headings[i-1] && h[1]-seen.Headings[i-1][1] > 1 {
			t.Errorf("%s at %d: heading %d is %s in %q", s.name, width, i, h, seen.Headings)
		}
	}
}

// paper is how wide the text of a sheet is, in pixels.
const paper = 642

var sheet = regexp.MustCompile(`/Type /Page\b`)

// print holds the page on paper: nothing is cut or scrolls, and it takes few sheets.
func (s shown) print(ctx context.Context, t *testing.T) {
	t.Helper()
	media := func(name string) chromedp.Action[chromedp.Void] {
		return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: name})
			return chromedp.Void{}, err
		}
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(paper, 1300), media("print")); err != nil {
		t.Fatal(err)
	}
	s.hold(ctx, t, paper, true)
	if err := chromedp.Do(ctx, media("")); err != nil {
		t.Fatal(err)
	}
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), func(p *page.PrintToPDFParams) { p.PreferCSSPageSize = new(true) }))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(sheet.FindAll(pdf, -1)); got == 0 || got > s.sheets {
		t.Errorf("%s takes %d sheets of paper, at most %d are wanted", s.name, got, s.sheets)
	}
	if strings.HasPrefix(s.name, "client") {
		picture(ctx, t, s.name+".pdf", func(context.Context, *chromedp.Target) ([]byte, error) { return pdf, nil })
	}
}

// picture writes a picture into the documentation, where that is asked for.
func picture(ctx context.Context, t *testing.T, name string, take chromedp.Action[[]byte]) {
	t.Helper()
	if os.Getenv("LIFTALOT_GOLDEN") == "" {
		return
	}
	data, err := chromedp.Run(ctx, take)
	if err == nil {
		err = os.WriteFile(filepath.Join("..", "..", "docs", name), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
