// Fakevendor plays the vendor's registry and manifest host for a network of
// throw-away servers. See package fakevendor for what it serves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"liftalot/testenv/fakevendor"
	"liftalot/testenv/fakevendor/image"
	"liftalot/testenv/fakevendor/pki"
)

// startTimeout bounds the building of the first images.
const startTimeout = 2 * time.Minute

type options struct {
	data, standin, busybox  string
	tls, proxy, adminListen string
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", "/data", "folder of the keys; they are made there once")
	flag.StringVar(&o.standin, "standin", "/standin", "the stand-in program")
	flag.StringVar(&o.busybox, "busybox", "/busybox", "a static busybox")
	flag.StringVar(&o.tls, "tls", ":443", "where the vendor's hosts answer")
	flag.StringVar(&o.proxy, "proxy", ":3128", "where the CONNECT proxy answers")
	flag.StringVar(&o.adminListen, "admin", ":8090", "where the admin API answers")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "fakevendor: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "fakevendor: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	keys, err := pki.Load(o.data)
	if err != nil {
		return err
	}
	program, err := image.ReadProgram(o.standin)
	if err != nil {
		return err
	}
	busybox, err := image.ReadProgram(o.busybox)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	f, err := fakevendor.Start(startCtx, fakevendor.Options{
		Keys:      keys,
		Images:    image.NewBuilder(program, busybox, keys.CA),
		Arch:      runtime.GOARCH, // that of the program beside this one
		TLSAddr:   o.tls,
		ProxyAddr: o.proxy,
		AdminAddr: o.adminListen,
		Log:       log,
	})
	if err != nil {
		return err
	}
	log.Info("fixture is ready", "admin", f.AdminURL(), "key", f.KeyFingerprint())
	<-ctx.Done()
	if err := f.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
