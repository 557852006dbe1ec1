// Fakes is the one program in the stand-ins' images. The name it is called
// by says which it plays; called by its own name, the first argument does.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakes/curl"
	"liftalot/testenv/fakes/server"
	"liftalot/testenv/fakes/socketproxy"
	"liftalot/testenv/fakes/updater"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string) int {
	name, args := filepath.Base(args[0]), args[1:]
	if name == "standin" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	var program func(context.Context, fakes.Process) error
	switch name {
	case "curl":
		return curl.Run(ctx, args, os.Stdout, os.Stderr)
	case "chatalot-server":
		program = server.Run
	case "chatalot-updater":
		program = updater.Run
	case "docker-socket-proxy":
		program = socketproxy.Run
	default:
		fmt.Fprintf(os.Stderr, "fakes: no program %q\n", name)
		return 2
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := play(ctx, program, args, log); err != nil {
		log.Error(err.Error())
		return 1
	}
	return 0
}

func play(ctx context.Context, program func(context.Context, fakes.Process) error, args []string, log *slog.Logger) error {
	config, err := fakes.Load(fakes.Path)
	if err != nil {
		return err
	}
	return program(ctx, fakes.Process{
		Config: config,
		Args:   args,
		UID:    os.Getuid(),
		Getenv: os.Getenv,
		Log:    log,
		Stdout: os.Stdout,
	})
}
