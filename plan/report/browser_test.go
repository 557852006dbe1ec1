package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
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
	Main, Lang    bool
}

// audit holds the page against what the guidelines for accessibility ask: contrast
// of 4.5, headings without a gap, names for pictures.
const audit = `(() => {
  const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b };
  const rgb = s => s.match(/[\d.]+/g).map(Number);
  const paper = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
  const out = { Width: innerWidth, Scroll: document.documentElement.scrollWidth, Headings: [], Contrast: [], Unnamed: [], Wide: [], Main: !!document.querySelector('main'), Lang: document.documentElement.lang === 'en' };
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
  return out;
})()`

func TestThePageInABrowser(t *testing.T) {
	ctx := browser(t)
	var page bytes.Buffer
	if err := Render(&page, aPage()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	at := (&url.URL{Scheme: "file", Path: file}).String()
	var mu sync.Mutex
	var asked, said []string
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			asked = append(asked, ev.Request.URL)
		case *runtime.EventExceptionThrown:
			said = append(said, ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			said = append(said, ev.Entry.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int64{400, 1200} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 1300), chromedp.Navigate(at)); err != nil {
			t.Fatal(err)
		}
		seen, err := chromedp.Run(ctx, chromedp.Evaluate[audited](audit))
		if err != nil {
			t.Fatal(err)
		}
		if seen.Width != int(width) || seen.Scroll > seen.Width || len(seen.Wide) > 0 {
			t.Errorf("at %d: the page is %d wide in a window of %d; %q stick out", width, seen.Scroll, seen.Width, seen.Wide)
		}
		if len(seen.Contrast) > 0 || len(seen.Unnamed) > 0 || !seen.Main || !seen.Lang {
			report, _ := json.Marshal(seen)
			t.Errorf("at %d it is hard to use: %s", width, report)
		}
		for i, h := range seen.Headings {
			if i == 0 && h != "H1" || i > 0 && h > seen.Headings[i-1] && h[1]-seen.Headings[i-1][1] > 1 {
				t.Errorf("at %d: heading %d is %s in %q", width, i, h, seen.Headings)
			}
		}
		if os.Getenv("LIFTALOT_GOLDEN") == "" {
			continue
		}
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("..", "..", "docs", fmt.Sprintf("report-%d.png", width)), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, u := range asked {
		if u != at && !strings.HasPrefix(u, "data:") {
			t.Errorf("the page asks for %s", u)
		}
	}
	if len(asked) < 2 || len(said) > 0 {
		t.Errorf("%d requests were seen, and the console says %q", len(asked), said)
	}
}
