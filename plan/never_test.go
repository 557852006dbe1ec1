package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// never are the commands no host may ever be sent (promise 16, traps B4, B7 and
// C11), with the reason.
var never = []struct {
	what *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`--remove-orphans`), "takes the client's other profiles down"},
	{regexp.MustCompile(`compose\b.*\bdown\b|^down$`), "takes the whole project down in some versions"},
	{regexp.MustCompile(`^(-v|--volumes)$|\bdown\b.*(\s-v\b|--volumes)`), "drops volumes"},
	{regexp.MustCompile(`docker rm\b.*(\s-[a-z]*v|--volumes)`), "drops volumes"},
	{regexp.MustCompile(`docker .*\bprune\b|^prune$`), "takes away what a rollback needs"},
	{regexp.MustCompile(`docker (rmi|image rm)\b`), "takes away what a rollback needs"},
	{regexp.MustCompile(`\bvolume (rm|prune)\b`), "drops volumes"},
	{regexp.MustCompile(`(?i)\balter (role|user)\b|\bpassword\s+'`), "changes a database password"},
	{regexp.MustCompile(`up .*--build|^--build$|docker build`), "builds what happens to be checked out"},
	{regexp.MustCompile(`docker login`), "leaves the token in root's home"},
	{regexp.MustCompile(`git (reset|clean)`), "is not ours to do"},
}

// harmless are sentences for people that only speak of such a command, and the
// plan's own name for an operation; and what only looks like one.
var harmless = regexp.MustCompile(`a deploy script with "git reset --hard"|a plain "docker compose up" or "down" leaves|` +
	`it was lowered, as by|the server was lowered, as by|and a plain "docker compose up -d" puts the server back|plain "docker compose up -d" after an update from the panel|start it once from there: docker compose -p %s up -d|carry it out first and look at the server: docker compose up -d|as a superuser of the database: ALTER ROLE "%s" CREATEDB|` +
	// It gives a fresh database the settings that a role has in the present one.
	`alter role %I in database %I|^operations\.go:[0-9:]+ down$`)

// saidToHosts gives every text of the tool that could be sent to a host: lines
// of its scripts without their comments, and the strings in its code.
func saidToHosts(t *testing.T, say func(where, text string)) {
	t.Helper()
	for _, root := range []string{".", "../remote", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "remotetest"):
				return filepath.SkipDir
			case strings.HasSuffix(path, ".sh"):
				return script(path, say)
			case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				return literals(path, say)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func script(path string, say func(where, text string)) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(data), "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			say(path+":"+strconv.Itoa(i+1), line)
		}
	}
	return nil
}

func literals(path string, say func(where, text string)) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			return true
		}
		for line := range strings.SplitSeq(text, "\n") {
			say(set.Position(lit.Pos()).String(), line)
		}
		return true
	})
	return nil
}

func TestC11B4B7NothingSentToAHostDestroys(t *testing.T) {
	texts := 0
	saidToHosts(t, func(where, text string) {
		texts++
		if harmless.MatchString(where + " " + text) {
			return
		}
		for _, n := range never {
			if n.what.MatchString(text) {
				t.Errorf("%s: %q: %s", where, strings.TrimSpace(text), n.why)
			}
		}
	})
	if texts < 1000 {
		t.Errorf("only %d texts were looked at", texts)
	}
}

// What this test forbids it must also find.
func TestWhatIsForbiddenWouldBeFound(t *testing.T) {
	for _, bad := range []string{
		"docker compose up -d --remove-orphans", "docker compose down", "docker compose -p x down -v", "docker rm -fv x", "docker system prune -f",
		"docker rmi x", "docker image rm x", "docker volume rm x", "ALTER ROLE chatalot PASSWORD 'x'", "alter user x", "docker compose up -d --build",
		"docker login registry", "git reset --hard",
	} {
		found := false
		for _, n := range never {
			found = found || n.what.MatchString(bad)
		}
		if !found {
			t.Errorf("%q would pass", bad)
		}
	}
}

// Wherever compose starts something it builds nothing and fetches nothing.
func TestB4WhateverStartsNeitherBuildsNorPulls(t *testing.T) {
	starts := regexp.MustCompile(`compose .*\bup -d\b`)
	found := 0
	saidToHosts(t, func(where, text string) {
		if !starts.MatchString(text) || harmless.MatchString(text) {
			return
		}
		found++
		if !strings.Contains(text, "--no-build") || !strings.Contains(text, "--pull never") {
			t.Errorf("%s: %q", where, strings.TrimSpace(text))
		}
	})
	if found < 2 {
		t.Errorf("found %d", found)
	}
}

// Promise 16, the part a plan decides: nothing that runs is lowered.
func TestARunningVersionIsNeverLowered(t *testing.T) {
	for now, lowered := range map[string]bool{"0.24.6": false, "0.24.5": false, "0.24.7": true, "0.25.0": true, "1.0.0": true} {
		in := inputFor(t, recorded(t, "staged", "0.24.4", now))
		_, _, err := Build(in)
		if (err != nil) != lowered {
			t.Errorf("from %s to %s: %v", now, in.Release.Version, err)
		}
	}
}

// Promise 16: a file that was there keeps every right it gave and its owner.
func TestNoModeIsTightenedAndNoOwnerChanged(t *testing.T) {
	for mode := fs.FileMode(0o400); mode <= 0o777; mode += 0o011 {
		for _, blank := range []bool{false, true} {
			in := inputFor(t, recorded(t, "staged"))
			for i := range in.Facts.Secrets {
				s := &in.Facts.Secrets[i]
				if !s.Dir {
					s.Mode, s.Blank, s.UID, s.GID = mode, blank, 1234, 1234
					s.Hex64, s.SHA256 = s.Name == "updater_token", in.Release.KeySHA256
				}
			}
			p, _ := build(t, in)
			for _, s := range p.Steps {
				m, ok := s.Op.(WriteSecret)
				if ok && m.Mode&mode != mode {
					t.Fatalf("step %s takes rights away: %04o from %04o", s.ID, m.Mode, mode)
				}
				if ok && s.Undo.(RemoveSecret).Prior.Mode != mode {
					t.Fatalf("step %s: its undo leaves mode %04o, it was %04o", s.ID, s.Undo.(RemoveSecret).Prior.Mode, mode)
				}
			}
		}
	}
}
