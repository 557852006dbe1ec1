package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// RollbackInput is all that a rollback depends on.
type RollbackInput struct {
	Plan   *Plan  // what was carried out
	Facts  *Facts // a fresh look
	Begun  func(step string) bool
	ID     string
	Now    time.Time
	WithDB bool // the operator accepts that the database goes back too

	FromLater bool // the operator accepts to go back from what was installed after the plan
}

// DatabaseMovedError reports that the database was migrated since the plan was made:
// the old server cannot run on it, so the code alone cannot go back.
type DatabaseMovedError struct {
	Host     string
	From, To int64
	Since    string
}

func (e *DatabaseMovedError) Error() string {
	return fmt.Sprintf("%s: the database moved from migration %d to %d, and the old server refuses to start on it: "+
		"going back takes the database too, and everything written since %s is then only in the database that is kept aside",
		e.Host, e.From, e.To, e.Since)
}

// ImageGoneError reports that the image to which a rollback returns is not on the host.
// Nothing runs from it since the swap, and a name alone does not save an image from
// "docker system prune -a".
type ImageGoneError struct {
	Image string // its id
	Ref   string // the name under which compose knew it
	Begun bool   // something was changed by then: the run waits
	Copy  string // a file with it on this machine, "" for none
}

func (e *ImageGoneError) Error() string {
	state := "nothing was changed"
	if e.Begun {
		state = "nothing more is reverted until it is there again"
	}
	return fmt.Sprintf("the image that ran before the upgrade is not on the host any more, and no other takes its place: %s; %s", e.Image, state)
}

// BuildRollback decides how a run is rolled back: the inverses that its plan
// fixed before the first change, of the steps that were begun. The client's
// files go first, three-way, so that the server comes up from them; then the
// server, then the sidecar, and the secrets last.
func BuildRollback(in RollbackInput) (*Plan, error) {
	was := in.Plan
	p := &Plan{
		Format: Format, ID: in.ID, Host: was.Host, Created: in.Now.UTC().Format(time.RFC3339), Kind: Rollback, Undoes: was.ID,
		Variant: was.Variant, To: was.From,
		Project: was.Project, Release: was.Release, Baseline: baselineOf(in.Facts, in.ID),
	}
	p.From, p.Source = RunningAfter(was, in.Facts)
	swapped := slices.ContainsFunc(was.Steps, func(s Step) bool { return Is[Swap](s.Undo) && in.Begun(s.ID) })
	if swapped && databaseSilent(in) {
		return nil, refuse(was.Host, "database", "its database does not answer, so nobody can say whether it was migrated since the upgrade; nothing was changed",
			fmt.Sprintf("start the database on the host, then: liftalot rollback %s", was.Host))
	}
	// Before the swap the server is the one that was there, whatever became of the
	// database.
	moved := swapped && migrationsHash(in.Facts.Database.Migrated) != was.Baseline.Migrations
	if !swapped {
		p.To = p.From // the server is not touched
	}
	later := swapped && updatedSince(was, in.Facts)
	if later && !in.FromLater {
		return nil, &LaterRunsError{Host: was.Host, Running: p.From, Installed: was.To, To: was.From, Database: moved}
	}
	if moved && !in.WithDB {
		return nil, &DatabaseMovedError{Host: was.Host, From: was.Baseline.Migration, To: in.Facts.Database.Latest(), Since: was.Made()}
	}
	if moved && in.Facts.Database.LacksCreateDB {
		return nil, checkCreateDB(in.Facts)
	}
	if later {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the server runs %s, which was installed after this upgrade to %s, as from its admin panel: it goes back to %s", p.From, was.To, was.From))
	}
	for _, s := range UndoOrder(was.Steps) {
		if s.Undo == nil || !in.Begun(s.ID) {
			continue
		}
		op := s.Undo
		back, swap := op.(Swap)
		if swap && moved {
			warnings, err := checkSpace(in.Facts, []spaceNeed{{databasePlace(in.Facts), "a fresh database beside the present one", fillSpace(in.Facts, 0)}})
			if err != nil {
				return nil, err
			}
			p.Warnings = append(p.Warnings, warnings...)
			fill := fillStep(in)
			p.Steps = append(p.Steps, fill)
			back.Keep, back.Fresh = keptName(in), fill.Op.(Fill).Fresh
			back.Database = Login{Container: in.Facts.Database.Container, User: in.Facts.Database.User, Database: in.Facts.Database.Name}
			p.Warnings = append(p.Warnings, "the database goes back to what it was before the upgrade; what was written since stays only in the database kept aside", orphans(was.Host))
		}
		title, reason := "revert: "+s.Title, s.Undo.Describe().AsUndo
		if swap {
			op = p.serveDependents(back, in.Facts)
		}
		if swap && moved {
			title += ", with the database"
			reason += fmt.Sprintf("; with the server stopped the fresh database takes the place of the present one, which is kept as %q", back.Keep)
		}
		p.Steps = append(p.Steps, Step{
			ID: "undo-" + s.ID, Title: title, Reason: reason, Op: op,
			NoUndo: "this is the rollback",
		})
	}
	if len(p.Steps) > 0 {
		p.Steps = append(p.Steps, Step{ID: "verify", Title: "verify the server that was there before", Op: Verify{},
			Reason: "health, image, files and containers are compared with what the plan had seen"})
	}
	p.FollowUps = []string{
		"the backup stays on the host and on this machine",
		"images and volumes of the upgrade stay too: nothing is ever removed",
	}
	return p, nil
}

// serveDependents has a rollback serve what depends on the server now, which need not be
// what depended on it when the upgrade was planned.
func (p *Plan) serveDependents(back Swap, f *Facts) Swap {
	back.Dependents = dependents(f, back.Container, back.OldID)
	if len(back.Dependents) == 0 {
		return back
	}
	back.DependentRecord = path.Join(RunRoot, p.ID, "dependents")
	p.Steps = append([]Step{{
		ID: "record", Title: "write down what the containers that depend on the server are made of",
		Op:     Record{Folder: back.DependentRecord, Containers: recordedDependents(f, back.Dependents, back.OldID)},
		Reason: "they are made anew together with the server's container", NoUndo: "the record goes with the run's folder",
	}}, p.Steps...)
	return back
}

// databaseSilent reports that a look has nothing from a database that the plan knew: that says
// neither that it moved nor that it did not.
func databaseSilent(in RollbackInput) bool {
	swap, _ := Find[Swap](in.Plan.Steps)
	return swap.Database.Container != "" && (in.Facts.Database.Container == "" || slices.ContainsFunc(in.Facts.Failures, func(f Failure) bool {
		return f.Part == "database" || f.Part == "dbfacts" || f.Part == "migrations"
	}))
}

// UndoOrder gives steps in the order they are rolled back: edits of the client's
// files first, and the tags of images that these name, since the old server is started
// from them, then the last step first.
func UndoOrder(steps []Step) []Step {
	out := slices.Clone(steps)
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b Step) int {
		switch x, y := a.Op.Describe().UndoFirst, b.Op.Describe().UndoFirst; {
		case x && !y:
			return -1
		case y && !x:
			return 1
		}
		return 0
	})
	return out
}

// keptName returns what the present database is called after a rollback that takes it along.
func keptName(in RollbackInput) string {
	return databaseBeside(in.Facts.Database.Name, "_before_rollback_", in.ID)
}

// fillStep has the database of before ready when the old server is.
func fillStep(in RollbackInput) Step {
	d := in.Facts.Database
	op := Fill{Container: d.Container, User: d.User, Database: d.Name, Fresh: freshName(keptName(in))}
	swap, _ := Find[Swap](in.Plan.Steps)
	op.Dump = swap.Dump
	if b, ok := Find[Backup](in.Plan.Steps); ok {
		op.Fallback = b.Dir + "/db.dump"
	}
	return Step{
		ID: "fill", Title: "fill a fresh database from the dump", Op: op,
		Reason: "in one transaction, beside the present one, while the server goes on",
		NoUndo: "the present database is not touched",
	}
}

// PostgreSQL cuts names at 63 bytes (NAMEDATALEN), and a database that is filled is called as
// the one that will be kept, and "_new".
const longestName = 63 - len("_new")

// freshName returns the name of the database that takes the place of the one kept as keep.
func freshName(keep string) string { return keep + "_new" }

// databaseBeside returns the name for a database beside another one. A long name is cut, the id never, so
// that no two are the same.
func databaseBeside(name, what, id string) string {
	tail := what + databaseSafe(id)
	if room := max(0, longestName-len(tail)); len(name) > room {
		name = strings.ToValidUTF8(name[:room], "")
	}
	return name + tail
}

// databaseSafe makes an id fit for a database's name.
func databaseSafe(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, id)
}
