package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/compose"
)

func composeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "compose", Short: "Try the upgrade's edits on a compose file", Hidden: true,
		Example: `  liftalot compose edit docker-compose.yml`, Annotations: exitCodes(),
	}
	cmd.AddCommand(composeEditCommand(a))
	return cmd
}

// composeEdit is what the command line says about an edit.
type composeEdit struct {
	edit   plan.LocalEdit
	dry    bool
	output string
}

func composeEditCommand(a *app) *cobra.Command {
	var o composeEdit
	cmd := &cobra.Command{
		Use: "edit FILE", Short: "Apply the upgrade's edits to a local file and show the diff or the refusal",
		Long: `Applies the upgrade's edits to a local compose file, without a host, and prints the
difference or the refusal. FILE itself is never changed; --output writes the
edited bytes to another file. What only a host knows (override files, the merged
model) is not looked at.`,
		Example:     `  liftalot compose edit docker-compose.yml --output edited.yml`,
		Annotations: exitCodes(exitCheck),
		Args:        cobra.ExactArgs(1),
		RunE:        func(_ *cobra.Command, args []string) error { return a.composeEdit(args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.edit.Service, "service", "chatalot", "service of the chat server")
	f.StringVar(&o.edit.Image, "image", "registry.seglamater.app/seglamater/chatalot:0.24.6", "image to pin")
	f.StringVar(&o.edit.UpdaterImage, "updater-image", "registry.seglamater.app/seglamater/chatalot-updater:0.24.6", "image of the updater")
	f.StringVar(&o.edit.ProxyImage, "proxy-image", "registry.seglamater.app/seglamater/docker-socket-proxy:0.3.0", "image of the socket proxy")
	f.StringSliceVar(&o.edit.Networks, "networks", []string{"internal", "external"}, "networks of the updater besides its own")
	f.StringVar(&o.edit.DBService, "db-service", "postgres", "service of the database, empty for none")
	f.StringVar(&o.edit.Container, "container", "chatalot-server", "name of the server's container")
	f.StringVar(&o.edit.Settings.Channel, "channel", "stable", "update channel")
	f.StringVar(&o.edit.Settings.ManifestHost, "manifest-host", "https://updates.seglamater.app", "manifest host")
	f.BoolVar(&o.dry, "dry-run", false, "only show; this is what happens without --output too")
	f.StringVar(&o.output, "output", "", "write the edited file here")
	return cmd
}

// editedFile is what is printed with --json. What may be a secret is hidden in the
// difference, and nothing else holds the file's own words.
type editedFile struct {
	Format    int                   `json:"format"`
	File      string                `json:"file"`
	Changed   bool                  `json:"changed"`
	Diff      []compose.DiffLine    `json:"diff"`
	Conflicts []compose.Conflict    `json:"conflicts,omitempty"`
	Refusal   *compose.RefusalError `json:"refusal,omitempty"`
}

func (a *app) composeEdit(name string, o composeEdit) error {
	src, mode, err := readBounded(name)
	if err != nil {
		return &usageError{err, "liftalot compose edit"}
	}
	out := editedFile{Format: 1, File: name}
	res, err := plan.EditLocal(name, src, o.edit)
	var refusal *compose.RefusalError
	switch {
	case errors.As(err, &refusal):
		out.Refusal = refusal
	case err != nil:
		return err
	default:
		out.Changed, out.Diff, out.Conflicts = res.Changed(), differenceOf(name, res), res.Conflicts
	}
	if a.flags.json {
		if jerr := a.term.out.JSON(out); jerr != nil {
			return jerr
		}
	} else if err == nil {
		a.term.printEdited(name, res)
	}
	if err != nil || o.output == "" || o.dry {
		return err
	}
	return writeNew(o.output, res.After, mode)
}

// maxCompose is a little more than what the editor accepts, so that the refusal
// is the editor's own.
const maxCompose = 11 << 20

func readBounded(name string) ([]byte, fs.FileMode, error) {
	wrong := func(err error) ([]byte, fs.FileMode, error) { return nil, 0, fmt.Errorf("read the file: %w", err) }
	f, err := os.Open(name)
	if err != nil {
		return wrong(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return wrong(err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxCompose))
	if err != nil {
		return wrong(err)
	}
	if !info.Mode().IsRegular() {
		return data, 0o600, nil
	}
	return data, info.Mode().Perm(), nil
}

func differenceOf(name string, res *compose.Result) []compose.DiffLine {
	return compose.Diff(filepath.Base(name), res.Before, res.After, compose.WithReasons(res.Splices))
}

func (t *terminal) printEdited(name string, res *compose.Result) {
	for _, c := range res.Conflicts {
		t.err.Printf("%s %s\n", ui.Warn("conflict, left alone:"), c)
	}
	if !res.Changed() {
		t.out.Printf("%s: nothing to do\n", name)
		return
	}
	var lines []string
	for _, l := range differenceOf(name, res) {
		lines = append(lines, l.String())
	}
	t.out.PrintUnwrapped(ui.Diff(lines))
}

// writeNew writes a file that is not there yet: whose file would be replaced is
// not for this command to know. It may be read by those who may read the file that
// was edited, and by nobody else.
func writeNew(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o600)
	if errors.Is(err, os.ErrExist) {
		return &usageError{fmt.Errorf("%s is there already: --output wants a new name", name), "liftalot compose edit"}
	}
	if err != nil {
		return fmt.Errorf("write the edited file: %w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
