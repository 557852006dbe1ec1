package cli

import (
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Long: `Prints the release that this program is and, for a build that is none, the commit it
was built from.`,
		Example:     `  liftalot version --json`,
		Annotations: exitCodes(),
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if a.flags.json {
				return a.term.out.JSON(map[string]any{"format": 1, "version": v})
			}
			a.term.out.Printf("liftalot %s\n", v)
			return nil
		},
	}
}

// version is that of this program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return develVersion
	}
	return VersionOf(info)
}

const develVersion = "(devel)"

// pseudoVersion is the end of what Go makes up for a commit that has no tag.
var pseudoVersion = regexp.MustCompile(`[-.][0-9]{14}-[0-9a-f]{12}(\+.*)?$`)

// VersionOf is the tag that a program was built from and, without one, the commit; "+dirty"
// says that files were changed since. A build that knows neither, such as one from an
// unpacked archive of the source, is "(devel)".
func VersionOf(info *debug.BuildInfo) string {
	named := info.Main.Version
	if strings.HasPrefix(named, "v") && !pseudoVersion.MatchString(named) {
		return strings.TrimPrefix(named, "v")
	}
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	commit := setting["vcs.revision"]
	if commit == "" {
		return develVersion
	}
	commit = commit[:min(len(commit), 12)]
	if setting["vcs.modified"] == "true" {
		commit += "+dirty"
	}
	return commit
}
