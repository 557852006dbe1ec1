package verify

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
	"liftalot/units"
)

//go:embed leftovers.sh
var leftoversScript string

// A leftover is something that earlier runs have left on a host on purpose.
type leftover struct {
	name  string
	bytes int64
}

// What is named in a command that a person may paste has a name that a run has given.
var (
	keptDatabase = regexp.MustCompile(`^[A-Za-z0-9_]+_before_(rollback|restore)_[a-z0-9_]+$`)
	backupFolder = regexp.MustCompile(`^` + regexp.QuoteMeta(plan.BackupDir("")) + `[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)
	plainWord    = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

const maxLeftovers = 100

// Leftovers names the databases and backup folders that earlier runs have left on the
// host, with their sizes and how they are removed. needed is the run whose backup a
// rollback needs, "" for none. Nothing is removed, and without leftovers there is no check.
func Leftovers(ctx context.Context, host Runner, f *plan.Facts, needed string) []plan.Check {
	d := f.Database
	res, err := host.Run(ctx, remote.Command{
		Name: "list what earlier runs have left", Script: leftoversScript, Root: true, Timeout: time.Minute,
		Args: []string{d.Container, d.User, d.Name, plan.BackupDir("")},
	})
	if err != nil {
		return []plan.Check{{Name: "leftovers", Level: plan.Warn, Detail: fmt.Sprintf("what earlier runs have left cannot be listed: %v", err)}}
	}
	databases, folders := readLeftovers(string(res.Stdout))
	var checks []plan.Check
	if len(databases) > 0 {
		text := "kept by rollbacks and restores: " + describe(databases)
		if plainWord.MatchString(d.Container) && plainWord.MatchString(d.User) {
			text += fmt.Sprintf("; on the host, \"docker exec %s dropdb -U %s NAME\" removes one for good", d.Container, d.User)
		}
		checks = append(checks, plan.Check{Name: "databases left", Level: plan.Pass, Detail: text})
	}
	if len(folders) > 0 {
		text := "backups of runs: " + describe(folders) + "; on the host, \"sudo rm -r FOLDER\" removes one for good"
		if needed != "" {
			text += fmt.Sprintf(", but a rollback of the last upgrade needs %s", plan.BackupDir(needed))
		}
		checks = append(checks, plan.Check{Name: "folders left", Level: plan.Pass, Detail: text})
	}
	return checks
}

// readLeftovers reads what the script says; what has another name is not ours.
func readLeftovers(said string) (databases, folders []leftover) {
	for line := range strings.Lines(said) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		if len(parts) != 3 || len(databases)+len(folders) == maxLeftovers {
			continue
		}
		size, err := strconv.ParseInt(parts[2], 10, 64)
		switch {
		case err != nil || size < 0:
		case parts[0] == "database" && keptDatabase.MatchString(parts[1]):
			databases = append(databases, leftover{parts[1], size})
		case parts[0] == "folder" && backupFolder.MatchString(parts[1]):
			folders = append(folders, leftover{parts[1], size << 10})
		}
	}
	return databases, folders
}

func describe(all []leftover) string {
	var words []string
	for _, l := range all {
		words = append(words, fmt.Sprintf("%s (%s)", l.name, units.Bytes(l.bytes)))
	}
	return strings.Join(words, ", ")
}
