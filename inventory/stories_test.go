package inventory

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Stories on real servers are kept with the command line. Each inventory of theirs says
// what reaches a server and makes its user root; a story that wants more writes it with
// the word "inventory".
var (
	storyFiles = filepath.Join("..", "cmd", "internal", "cli", "testdata", "server", "*.txtar")
	always     = []string{"address", "user", "identity", "sudo", "cosign_key_sha256"}
	elsewhere  = []string{"backup.dump_timeout", "ssh_commands", "password"} // a minute at least, which no story waits for; a real sshd in remote
	inABucket  = []string{"backup.bucket", "backup.bucket_login"}            // by the word "bucket"

	inventoryWord = regexp.MustCompile(`(?m)^inventory (.+)$`)
	storyOption   = regexp.MustCompile(`(?:^| )(?:[a-z0-9]+\.)?([a-z0-9_]+)=('[^']*'(?:\$?[^ ']+(?:'[^']*')?)*|[^ ]+)`)
)

// Every option is in a story on a real server that would end otherwise without it: one
// that no server has ever seen may do nothing at all (R7).
func TestEveryOptionHasAStory(t *testing.T) {
	files, err := filepath.Glob(storyFiles)
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	told := slices.Concat(always, elsewhere)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(strings.Split(string(text), "\n"), "bucket") {
			told = append(told, inABucket...)
		}
		for _, line := range inventoryWord.FindAllStringSubmatch(string(text), -1) {
			for _, o := range storyOption.FindAllStringSubmatch(line[1], -1) {
				told = append(told, o[1])
				for _, sub := range keysOf(strings.ReplaceAll(o[2], "'", "")) {
					told = append(told, o[1]+"."+sub)
				}
			}
		}
	}
	for _, key := range options(t) {
		if !slices.Contains(told, key) {
			t.Errorf("no story on a real server sets %q, so nobody knows that it does anything", key)
		}
	}
}

// keysOf are the keys of a YAML mapping, none of anything else.
func keysOf(text string) (keys []string) {
	var m map[string]any
	if yaml.Unmarshal([]byte(text), &m) != nil {
		return nil
	}
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

var known = regexp.MustCompile(`known are ([a-z_, ]+)`)

// options are all keys of a host, those inside "registry" and "backup" by themselves.
// Labels are the user's own words.
func options(t *testing.T) (all []string) {
	t.Helper()
	for key := range hostKeys() {
		_, err := parse(t, "version: 1\nhosts:\n  a:\n    "+key+": {nobody-knows: x}\n", "")
		subs := []string{}
		if err != nil {
			if m := known.FindStringSubmatch(err.Error()); m != nil {
				subs = strings.Split(m[1], ", ")
			}
		}
		if len(subs) == 0 {
			all = append(all, key)
		}
		for _, sub := range subs {
			all = append(all, key+"."+strings.TrimSpace(sub))
		}
	}
	slices.Sort(all)
	if !slices.Contains(all, "registry.password") || !slices.Contains(all, "backup.folder") || !slices.Contains(all, "pin") {
		t.Fatalf("these cannot be all: %v", all)
	}
	return all
}
