package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor"
	"liftalot/testenv/vps"
)

type releaseOptions struct {
	version   string
	channel   string
	behaviour string
	unsigned  bool
	tampered  bool
}

func (a *app) releaseCommand() *cobra.Command {
	var o releaseOptions
	cmd := &cobra.Command{
		Use:   "release --version VERSION",
		Short: "Choose what the vendor offers next",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.release(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.version, "version", "", "the release")
	f.StringVar(&o.channel, "channel", "stable", "stable, beta or canary")
	f.StringVar(&o.behaviour, "behaviour", string(fakes.Healthy), "how the new server goes: "+behaviours())
	f.BoolVar(&o.unsigned, "unsigned", false, "sign neither manifest nor images")
	f.BoolVar(&o.tampered, "tampered", false, "change manifest and images after they were signed")
	if err := cmd.MarkFlagRequired("version"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

func behaviours() string {
	var names []string
	for _, b := range fakes.Behaviours() {
		names = append(names, string(b))
	}
	return strings.Join(names, ", ")
}

func (a *app) release(ctx context.Context, o releaseOptions) error {
	if o.unsigned && o.tampered {
		return errors.New("release: --unsigned and --tampered exclude each other")
	}
	signature := fakevendor.Good
	switch {
	case o.unsigned:
		signature = fakevendor.Missing
	case o.tampered:
		signature = fakevendor.Tampered
	}
	env, err := vps.Attach(ctx, a.options())
	if err != nil {
		return err
	}
	published, err := env.Fixture().SetRelease(ctx, fakevendor.Release{
		Channel: o.channel, Version: o.version, Behaviour: fakes.Behaviour(o.behaviour),
		ManifestSignature: signature, ImageSignature: signature,
	})
	if err != nil {
		return err
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(published)
}
