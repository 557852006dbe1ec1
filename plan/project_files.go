package plan

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"liftalot/plan/compose"
)

// Outside is something that a project names and a backup cannot have.
type Outside struct {
	Name string `json:"name"` // as the compose file has it
	Why  string `json:"why"`
}

// ProjectFiles are the files of a project besides those that its containers name: what
// include, extends, env_file, label_file, configs and secrets name, in those files too.
type ProjectFiles struct {
	Files   []string  // in the order in which they are met
	Unread  []string  // those of Files that are compose files and were not looked into yet
	Outside []Outside // what is named and lies out of reach
}

// maxProjectFiles bounds what a project may name.
const maxProjectFiles = 400

// FilesOf finds the files of a project in what was read of it: [Facts.Files] and
// [Facts.Included].
func FilesOf(f *Facts) ProjectFiles {
	w := walker{facts: f, seen: map[visit]bool{}, vars: variables(f)}
	for _, name := range f.Project.EnvFiles {
		// Read too, for the variables that are in paths.
		w.optional(w.locate(f.Project.WorkingDir, name))
		w.add("--env-file", w.locate(f.Project.WorkingDir, name))
	}
	for _, x := range f.Files {
		if slices.Contains(f.Project.Files, x.Path) {
			w.file(visit{x.Path, f.Project.WorkingDir, ""})
		}
	}
	w.model()
	return w.found
}

// A visit is a look into a compose file: the folder that its paths start from, and the one
// service that matters of it, "" for all of them.
type visit struct{ path, folder, service string }

type walker struct {
	facts *Facts
	found ProjectFiles
	seen  map[visit]bool
	vars  map[string]string
}

// file follows what a compose file names.
func (w *walker) file(v visit) {
	if w.seen[v] || len(w.seen) > maxProjectFiles {
		return
	}
	w.seen[v] = true
	x, known := w.read(v.path)
	switch {
	case !known && !slices.Contains(w.found.Unread, v.path):
		w.found.Unread = append(w.found.Unread, v.path)
	case known && x.Data == nil && !x.Missing:
		w.outside(v.path, "it is larger than 1 MiB or cannot be read, so what it names is not known")
	}
	if len(x.Data) == 0 {
		return // one that is not there the backup names itself
	}
	file, err := compose.Parse(v.path, x.Data)
	if err != nil {
		w.outside(v.path, "it cannot be read, so what it names is not known")
		return
	}
	for _, ref := range file.FileRefs(v.service) {
		w.follow(v, ref)
	}
}

// read is what was read of a file: known is false for one that nobody asked for yet.
func (w *walker) read(name string) (x File, known bool) {
	for _, x := range slices.Concat(w.facts.Files, w.facts.Included) {
		if x.Path == name {
			return x, true
		}
	}
	return File{}, false
}

// fetched is how Compose knows a file that it would fetch.
var fetched = regexp.MustCompile(`^([a-z+]+://|git@|github\.com/)|\.git(#.*)?$`)

func (w *walker) follow(v visit, ref compose.FileRef) {
	if (ref.Kind == compose.Config || ref.Kind == compose.Secret) && w.inModel(ref) {
		return // Compose itself says where it is
	}
	if (ref.Kind == compose.Include || ref.Kind == compose.Extends) && fetched.MatchString(ref.Path) {
		w.outside(ref.Path, fmt.Sprintf("%s of what is not on this host", ref.Kind))
		return
	}
	name := w.locate(v.folder, ref.Path)
	if !w.add(string(ref.Kind), name) {
		return
	}
	switch ref.Kind {
	case compose.Extends:
		w.file(visit{name, path.Dir(name), ref.Service})
	case compose.Include:
		folder := path.Dir(w.locate(v.folder, ref.First))
		if ref.Folder != "" {
			folder = w.locate(v.folder, ref.Folder)
		}
		if env := path.Join(folder, ".env"); !strings.ContainsAny(folder, "$~") && folder != w.facts.Project.WorkingDir {
			w.optional(env)
		}
		w.file(visit{name, folder, ""})
	}
}

// locate makes a path whole: against the folder it is meant from, with the variables that
// the project's own files set.
func (w *walker) locate(folder, name string) string {
	name = w.expand(name)
	if path.IsAbs(name) || strings.HasPrefix(name, "~") || strings.HasPrefix(name, "$") {
		return path.Clean(name)
	}
	return path.Join(folder, name)
}

// add notes a file, and reports whether its place is known.
func (w *walker) add(kind, name string) bool {
	switch {
	case strings.ContainsAny(name, "$~\n"):
		w.outside(name, kind+" with a path that cannot be told from the project's files")
		return false
	case slices.Contains(w.found.Files, name):
		return true
	case len(w.found.Files) >= maxProjectFiles:
		w.outside(name, fmt.Sprintf("the project names more than %d files", maxProjectFiles))
		return false
	}
	if !w.alwaysSaved(name) {
		w.found.Files = append(w.found.Files, name)
	}
	return true
}

// alwaysSaved reports a file that is in every backup anyway.
func (w *walker) alwaysSaved(name string) bool { return slices.Contains(mustFiles(w.facts), name) }

// optional asks for a file that Compose reads where it is there; whether it is, is known
// once somebody has looked.
func (w *walker) optional(name string) {
	switch x, known := w.read(name); {
	case !known && !slices.Contains(w.found.Unread, name):
		w.found.Unread = append(w.found.Unread, name)
	case known && !x.Missing:
		w.add("env_file", name)
	}
}

func (w *walker) outside(name, why string) {
	if o := (Outside{Name: name, Why: why}); !slices.Contains(w.found.Outside, o) && len(w.found.Outside) < maxProjectFiles {
		w.found.Outside = append(w.found.Outside, o)
	}
}

// model notes the configs and secrets of the merged model, whose paths Compose has filled.
func (w *walker) model() {
	if w.facts.Model == nil {
		return
	}
	for _, file := range w.facts.Model.SourceFiles() {
		if !hasSecretsDir(w.facts) || !isInside(file, secretsDir(w.facts)) {
			w.add("file", file)
		}
	}
}

func (w *walker) inModel(ref compose.FileRef) bool {
	if w.facts.Model == nil {
		return false
	}
	if ref.Kind == compose.Config {
		return w.facts.Model.HasConfig(ref.Name)
	}
	return w.facts.Model.HasSecret(ref.Name)
}

// variables are those that the project's own files of the environment set. What the shell
// had that started it nobody here can know.
func variables(f *Facts) map[string]string {
	vars := map[string]string{}
	names := f.Project.EnvFiles
	if len(names) == 0 {
		names = []string{path.Join(f.Project.WorkingDir, ".env")}
	}
	for _, x := range slices.Concat(f.Files, f.Included) {
		if !slices.Contains(names, x.Path) {
			continue
		}
		for line := range strings.Lines(string(x.Data)) {
			key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
			if !ok || strings.HasPrefix(key, "#") {
				continue
			}
			value = strings.TrimSpace(value)
			if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
				value = value[1 : n-1]
			} else if i := strings.Index(value, " #"); i >= 0 {
				value = strings.TrimSpace(value[:i])
			}
			vars[strings.TrimSpace(key)] = value
		}
	}
	return vars
}

// variablePattern is $NAME, ${NAME}, ${NAME:-default} or ${NAME-default}.
var variablePattern = regexp.MustCompile(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?-)([^{}$]*))?\})`)

// expand puts variables into a path; one that is not known stays as it is written.
func (w *walker) expand(name string) string {
	return variablePattern.ReplaceAllStringFunc(name, func(text string) string {
		m := variablePattern.FindStringSubmatch(text)
		value, set := w.vars[m[1]+m[2]]
		switch {
		case set && !strings.Contains(value, "$") && (value != "" || m[3] != ":-"):
			return value
		case !set && m[3] != "" || m[3] == ":-" && value == "":
			return m[4]
		}
		return text
	})
}

// dumpTime is how long everything may take on a host whatever the size of its database,
// and slowDump how many bytes of one more than the first add a minute: 3 MiB a second.
const (
	dumpTime = 2 * time.Hour
	slowDump = 180 << 20
)

// dumpLimit is how many seconds a backup may take on a host, 0 for dumpTime: what the
// inventory says, or two hours and a minute more for each 180 MiB of the database.
func dumpLimit(f *Facts, asked time.Duration) int {
	limit := asked
	if limit <= 0 {
		limit = dumpTime + time.Duration(max(0, f.Database.Bytes)/slowDump)*time.Minute
	}
	if limit == dumpTime {
		return 0
	}
	return int(limit / time.Second)
}

// TimeLimit is how long the host may take over a backup. A plan of before has none.
func (b Backup) TimeLimit() time.Duration {
	if b.MaxSeconds <= 0 {
		return dumpTime
	}
	return time.Duration(b.MaxSeconds) * time.Second
}
