package plan

import (
	"bytes"
	"strings"
	"testing"

	"liftalot/plan/compose"
)

// What is put out of force in the client's file may hold secrets, and a plan holds
// none: neither where it is saved, nor in the copy that a run leaves on the host.
func TestASecretOfABuildIsNotInThePlan(t *testing.T) {
	for name, written := range map[string]string{
		"arguments":        "    build:\n      context: .\n\n      args:\n        NPM_TOKEN: Kanarienvogel-1\n        # GITHUB_PAT: Kanarienvogel-2\n",
		"list":             "    build:\n      context: .\n      args:\n      - NPM_TOKEN=Kanarienvogel-1\n",
		"several lines":    "    build:\n      context: .\n      args:\n        NPM_TOKEN: |\n          Kanarienvogel-1\n\n          Kanarienvogel-2\n",
		"context":          "    build: https://ci:Kanarienvogel-1@git.example/chatalot.git\n",
		"token in context": "    build: https://Kanarienvogel-1@git.example/chatalot.git#main\n",
		"with its image":   "    build: https://Kanarienvogel-1@git.example/chatalot.git#main\n    image: chatalot:mine\n",
	} {
		t.Run(name, func(t *testing.T) {
			in := inputFor(t, recorded(t, "public", "    build: .\n", written))
			p, edited := build(t, in)
			data, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), "Kanarienvogel") {
				t.Errorf("the plan holds it:\n%s", data)
			}
			// It still says exactly what to do, and how to roll it back.
			saved, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			step, ok := saved.Step("edit")
			if !ok {
				t.Fatal("no file is edited")
			}
			before, want := edited[0].Result.Before, edited[0].Result.After
			after, err := compose.Replay(before, step.Op.(Edit).Splices)
			if err != nil || !bytes.Equal(after, want) || Hash(after) != step.Op.(Edit).After || !bytes.Contains(after, []byte("# Was: build:")) {
				t.Errorf("%v\n%s", err, after)
			}
			ours, err := compose.Replay(before, step.Undo.(RevertEdit).Splices)
			if err != nil {
				t.Fatal(err)
			}
			back, err := compose.Undo(before, ours, append(bytes.Clone(after), "# theirs\n"...))
			if err != nil || string(back.Content) != string(before)+"# theirs\n" {
				t.Errorf("%v\n%s", err, back.Content)
			}
		})
	}
}
