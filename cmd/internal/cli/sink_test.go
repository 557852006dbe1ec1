package cli

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/compose"
	"liftalot/plan/journal"
	"liftalot/plan/release"
	"liftalot/plan/report"
	"liftalot/plan/run"
	"liftalot/plan/verify"
	"liftalot/remote"
	"liftalot/remote/lock"
)

// attacks are what a hostile host may put where a name, a version, a comment or
// a message is expected (row F73).
func attacks() []string {
	return []string{
		"\x1b]0;title\x07", "\x1b]52;c;cm0gLXJmIC8=\x07", "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
		"\x1b[2J\x1b[H", "\x1b[31mred\x1b[0m", "\x1b[1A\x1b[2K", "\x1b[6n", "\x1bP+q544e\x1b\\", "\x1b%G",
		"\u009b2J", "\x9b2J", "\u0090q", "\u0085next", "a\rb", "a\bb", "a\vb\fc", "\x00", "\x07", "\x7f", "a\tb",
		"\u202egnp.exe", "\u2066x\u2069", "\u200bzero", "\u200e", "\ufeff", "\u2028line", "\u2029para", "\u00ad",
		"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\U000e0041", "\ufe0f", "\u2800", "\u115f", "a\nliftalot: error: faked",
		"%s%n%[1]*d", "$(reboot)", "`reboot`", "';reboot;'", "<script>alert(1)</script>", strings.Repeat("A", 9000),
	}
}

// tones are the sequences that the console itself writes: colours.
var tones = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// intruder finds what may not reach a terminal.
func intruder(text string) string {
	text = tones.ReplaceAllString(text, "")
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return text[i : i+1]
			}
		}
		if r != '\n' && (!unicode.IsPrint(r) || unicode.In(r, unicode.Bidi_Control, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)) {
			return string(r)
		}
	}
	return ""
}

// The test below would prove nothing if this found nothing.
func TestIntrudersAreFound(t *testing.T) {
	harmless := 0
	for _, attack := range attacks() {
		if intruder(tones.ReplaceAllString(attack, "")) == "" {
			harmless++
		}
	}
	if harmless > 9 { // words, colours and what is meant for a shell or a browser
		t.Errorf("%d of %d attacks are taken for text", harmless, len(attacks()))
	}
	if got := intruder("grün → 漢字 \x1b[1mbold\x1b[0m\n"); got != "" {
		t.Errorf("%q is taken for an attack", got)
	}
}

// poison puts a text into every string of a value.
func poison(v reflect.Value, text string, depth int) {
	if depth > 12 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		poison(v.Elem(), text, depth+1)
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[plan.Op]() {
			v.Set(reflect.ValueOf(poisoned[plan.RemoveSecret](text)))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			poison(v.Index(i), text, depth+1)
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		poison(key, text, depth+1)
		poison(elem, text, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			poison(v.Field(i), text, depth+1)
		}
	}
}

func poisoned[T any](text string) T {
	var v T
	poison(reflect.ValueOf(&v).Elem(), text, 0)
	return v
}

// Whatever a command prints of a host, a journal, a plan or an error, nothing
// but text, line ends and our own colours comes out.
func TestNothingForeignReachesTheTerminal(t *testing.T) {
	for i, attack := range attacks() {
		for name, options := range map[string]ui.Options{"plain": {}, "terminal": {Colour: ui.ColourAlways}} {
			t.Run(fmt.Sprintf("%02d %s", i, name), func(t *testing.T) {
				var out, errs bytes.Buffer
				a := newApp(Env{Stdout: &out, Stderr: &errs, Now: time.Now})
				a.term.out, a.term.err = ui.New(&out, options), ui.New(&errs, options)
				say(t, &session{app: a, term: a.term, hosts: []inventory.Host{{Name: attack}}}, attack)
				if err := errors.Join(a.term.out.Close(), a.term.err.Close()); err != nil {
					t.Fatal(err)
				}
				if out.Len() == 0 || errs.Len() == 0 {
					t.Fatalf("printed %d and %d bytes", out.Len(), errs.Len())
				}
				for stream, text := range map[string]string{"stdout": out.String(), "stderr": errs.String()} {
					if bad := intruder(text); bad != "" {
						t.Errorf("%q reaches %s by way of %q", bad, stream, attack)
					}
				}
			})
		}
	}
}

// say prints everything that can be printed, made of one text.
func say(t *testing.T, s *session, attack string) {
	t.Helper()
	p := poisoned[plan.Plan](attack)
	f := poisoned[hostResult](attack)
	f.Nothing = ""
	f = f.endedAs(journal.Completed)
	s.term.printPlan(&p)
	s.term.printChecks(new(poisoned[checked](attack)))
	s.term.printEdited(attack, &compose.Result{Before: []byte("a: b\n"), After: []byte("a: " + attack + "\n"), Conflicts: []compose.Conflict{poisoned[compose.Conflict](attack)}})
	for _, result := range []result{resultDone, resultHeld, result(attack)} {
		f.Result = result
		if err := s.term.summary(attack, []hostResult{f, poisoned[hostResult](attack)}); err != nil {
			t.Fatal(err)
		}
	}
	advice := run.Advise(attack, poisoned[journal.RunState](attack))
	says, next := advice.Says, advice.Next()
	s.term.out.Printf("%s %s\n", says, next)
	for _, v := range []any{p, f, poisoned[checked](attack), poisoned[hostStatus](attack), poisoned[editedFile](attack)} {
		if err := s.term.out.JSON(v); err != nil {
			t.Fatal(err)
		}
	}
	page := poisoned[report.Page](attack)
	s.term.printReport(page)
	html, err := s.term.renderPage(page)
	if err != nil {
		t.Fatal(err)
	}
	if bad := intruder(string(html)); bad != "" {
		t.Errorf("%q reaches the page by way of %q", bad, attack)
	}
	progress := ui.NewProgress(s.term.err, ui.Normal)
	track := progress.Host(attack)
	for _, kind := range []apply.EventKind{apply.StepBegun, apply.Output, apply.StepDone, apply.UndoBegun, apply.UndoDone, apply.StepBegun, apply.StepFailed, apply.StepSkipped} {
		show(track, apply.Event{Kind: kind, Step: attack, Title: attack, Text: attack, Err: errors.New(attack)})
	}
	progress.Close()
	s.warnedOnce(attack)
	for _, err := range hostileErrors(attack) {
		s.term.explain(gather(s.hosts, []error{err}))
		s.term.explain(err)
	}
}

// warnedOnce is warnOnce on a session that was made by hand.
func (s *session) warnedOnce(sentence string) {
	s.term.warned = map[string]bool{}
	s.term.warnOnce(sentence)
}

// hostileErrors are the errors whose text holds what somebody else said.
func hostileErrors(attack string) []error {
	step := poisoned[plan.Step](attack)
	return []error{
		errors.New(attack), errors.Join(errors.New(attack), errors.New(attack)),
		&remote.SudoError{Host: attack, User: attack, Kind: remote.SudoNotAllowed, Said: []byte(attack), Err: errors.New(attack)},
		&remote.HostKeyError{Host: attack, Endpoint: attack, Kind: remote.HostKeyChanged, Type: attack, Got: attack, Want: []remote.KnownKey{poisoned[remote.KnownKey](attack)}},
		&remote.AuthError{Host: attack, User: attack, Tried: []string{attack}, Err: errors.New(attack)},
		&remote.UnreachableError{Host: attack, Op: attack, Err: errors.New(attack)},
		&remote.ExitError{Name: attack, Code: 1, Stderr: []byte(attack)},
		&remote.ChangedError{Path: attack, Want: attack, Got: attack},
		&lock.HeldError{Holder: poisoned[lock.Holder](attack)},
		&apply.StepError{Host: attack, Step: step, Err: &apply.HostError{Err: errors.New(attack), Said: attack}},
		&apply.StaleError{Host: attack, Drift: []string{attack}},
		&apply.SwapError{Result: attack},
		&apply.RegistryError{Registry: attack, Err: errors.New(attack)},
		&backup.UnprovenError{}, &plan.RefusedError{Host: attack, Checks: poisoned[[]plan.Check](attack)},
		&compose.RefusalError{}, &plan.GuardError{}, &verify.Error{Host: attack},
		&release.TrustError{Subject: attack, Reason: attack}, &release.NotFoundError{Host: attack, What: attack},
		&release.UnreachableError{Host: attack, Reason: attack}, &release.VersionError{Version: attack, Reason: attack},
		inventory.Errors{{File: attack, Msg: attack}}, &inventory.PatternError{Pattern: attack},
		&journal.DamagedError{Path: attack, Reason: attack},
	}
}
