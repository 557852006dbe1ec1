package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"liftalot/testenv/scenarios"
)

// The real public compose files are never part of the project: the stories that
// use them say loudly when they are not there.

func corpusFolder() string {
	return cmp.Or(os.Getenv("LIFTALOT_CORPUS"), filepath.Join("..", "..", "..", "..", "shared", "corpus"))
}

// condition is [corpus]: the real files are there; or [every]: no point of a kind
// is left out, however long it takes.
func condition(cond string) (bool, error) {
	switch cond {
	case "every":
		return os.Getenv("LIFTALOT_EVERY") == "1", nil
	case "corpus":
		return realFiles()
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

func realFiles() (bool, error) {
	if _, err := os.Stat(corpusFolder()); err != nil {
		fmt.Fprintf(os.Stderr, "NOT RUN: a story on real public compose files: %v\n", err)
		return false, nil
	}
	return true, nil
}

// corpus is: corpus NAME FILE. It copies one of the files to the story.
func corpus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: corpus NAME FILE")
	}
	data, err := os.ReadFile(filepath.Join(corpusFolder(), args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o600))
}

// installScript brings the stack up from its file as the owner does it, and
// leaves nothing of the one before.
const installScript = `set -eu
cd ` + scenarios.Folder + `
mv docker-compose.next docker-compose.yml
docker compose up -d --no-build --remove-orphans
docker network prune -f`

// install is: install HOST FILE. The data stays, the stack is the file's.
func install(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: install HOST FILE")
	}
	w := of(ts)
	h, ctx := w.host(ts, args[0]), w.tb.Context()
	ts.Check(h.WriteFile(ctx, scenarios.Folder+"/docker-compose.next", []byte(ts.ReadFile(args[1]))))
	_, err := h.Run(ctx, installScript)
	ts.Check(err)
	ts.Check(h.WaitHealthy(ctx))
}
