package compose

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const plainFile = `services:
  web:
    build: .
    environment:
      A: "1" # one
    secrets:
      - key

# the database
  db:
    image: postgres:17

volumes:
  data:
`

func TestApplyPlain(t *testing.T) {
	f, err := Parse("compose.yml", []byte(plainFile))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Apply(
		PinImage{"web", "example/web:1"},
		SetEnvironment{"web", []Var{{"A", "1"}, {"B", "yes"}}},
		AddServiceSecret{"web", "token"},
		AddService{"proxy", "image: example/proxy\nnetworks:\n  - inner\n"},
		AddTopLevel{"networks", "inner", "internal: true"},
		AddTopLevel{"volumes", "more", ""},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := `services:
  web:
    # Was: build: .
    image: example/web:1
    environment:
      A: "1" # one
      B: "yes"
    secrets:
      - key
      - token

# the database
  db:
    image: postgres:17

  proxy:
    image: example/proxy
    networks:
      - inner

volumes:
  data:
  more:

networks:
  inner:
    internal: true
`
	if diff := cmp.Diff(want, string(r.After)); diff != "" {
		t.Error(diff)
	}
}

// The file ends inside a text block, without a line end: below it a line would
// change the text, so additions go above the last entry and what heads it.
func TestApplyToOpenEnd(t *testing.T) {
	const src = "# a chat\nservices:\n  db:\n    image: b\n\n  # the server\n  web:\n    image: a\n    # how it starts\n    command: |\n      text"
	f, err := Parse("compose.yml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Apply(
		SetEnvironment{"web", []Var{{"A", "a"}}},
		AddService{"proxy", "image: p\n"},
		AddService{"other", "image: o\n"},
		AddTopLevel{"volumes", "data", ""},
		AddTopLevel{"volumes", "more", ""},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := "# a chat\nvolumes:\n  data:\n  more:\n\nservices:\n  db:\n    image: b\n\n" +
		"  proxy:\n    image: p\n\n  other:\n    image: o\n\n" +
		"  # the server\n  web:\n    image: a\n    environment:\n      A: a\n    # how it starts\n    command: |\n      text"
	if diff := cmp.Diff(want, string(r.After)); diff != "" {
		t.Error(diff)
	}
}

// In a list the order counts, so there is no place for another entry.
func TestApplyToOpenEndOfList(t *testing.T) {
	f, err := Parse("compose.yml", []byte("services:\n  web:\n    image: a\n    environment:\n      - |\n        A=a"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Apply(SetEnvironment{"web", []Var{{"B", "b"}}})
	var no *RefusalError
	if !errors.As(err, &no) || no.Kind != OpenScalar || no.Line != 6 {
		t.Errorf("got %v", err)
	}
}
