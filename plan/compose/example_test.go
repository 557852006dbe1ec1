package compose_test

import (
	"fmt"

	"liftalot/plan/compose"
)

func ExampleFile_Apply() {
	const src = `services:
  web:   # the only one
    build: .
    environment:
    - MODE=test
`
	f, err := compose.Parse("docker-compose.yml", []byte(src))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := f.Apply(
		compose.PinImage{Service: "web", Image: "registry.example/web:1.2"},
		compose.SetEnvironment{Service: "web", Vars: []compose.Var{{Key: "MODE", Value: "live"}, {Key: "DEBUG", Value: "no"}}},
		compose.AddTopLevel{Section: "volumes", Name: "data"},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(r.After))
	for _, c := range r.Conflicts {
		fmt.Printf("line %d: %s\n", c.Line, c)
	}
	// Output:
	// services:
	//   web:   # the only one
	//     # Was: build: .
	//     image: registry.example/web:1.2
	//     environment:
	//     - MODE=test
	//     - DEBUG=no
	//
	// volumes:
	//   data:
	// line 5: web: environment MODE is there and different
}

func ExampleUndo() {
	before := "A=1\n"
	ours := "A=1\nCOMPOSE_PROFILES=updater\n"
	now := "A=2\nCOMPOSE_PROFILES=updater\nB=3\n"
	r, err := compose.Undo([]byte(before), []byte(ours), []byte(now))
	fmt.Print(string(r.Content), err)
	// Output:
	// A=2
	// B=3
	// <nil>
}

func ExampleParse_refusal() {
	_, err := compose.Parse("docker-compose.yml", []byte("services:\n  web:\n    image: a\n    image: b\n"))
	fmt.Println(err)
	// Output:
	// docker-compose.yml:4: the key "image" is there twice (remove one of them)
}
