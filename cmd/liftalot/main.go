// Liftalot lifts running chatalot servers onto managed updates, over SSH, from
// your laptop.
package main

import (
	"os"

	"liftalot/cmd/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Process()))
}
