package inventory

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	sshconf "github.com/kevinburke/ssh_config"
)

const systemSSHConfig = "/etc/ssh/ssh_config"

// Bounds of ssh_config reading: Include can name its own file.
const (
	maxSSHFile  = 1 << 20
	maxSSHFiles = 256
	maxInclude  = 16 // as in OpenSSH
)

// An sshConfig is all ssh_config files as one list of sections. Whether a
// section applies is decided per host, in order, because Match host looks at
// the HostName that earlier sections have set.
type sshConfig struct {
	sections []sshSection
	warnings []string
}

// An sshSection is what stands between two lines of Host, Match or Include.
type sshSection struct {
	guards []guard
	file   string
	lines  []*sshconf.KV
	raw    []string // the text that lines were read from, in which quotes still stand
	offset int      // of lines within file
}

// An sshReader cuts files into sections. The library reads what is inside one;
// as a whole it would refuse the file for a single Match that it does not
// know, and reads the criteria after the first as more patterns.
type sshReader struct {
	env   *surroundings
	conf  *sshConfig
	files int
	errs  Errors
}

func readSSHConfig(env *surroundings) (*sshConfig, Errors) {
	r := &sshReader{env: env, conf: &sshConfig{}}
	for _, path := range env.sshConfig {
		base := filepath.Join(env.home, ".ssh")
		if path == systemSSHConfig {
			base = filepath.Dir(systemSSHConfig)
		}
		r.file(path, base, nil, 0)
	}
	return r.conf, r.errs
}

// file reads one file; one that does not exist is none. Its lines stand under
// guards, which are those of the Include that names it.
func (r *sshReader) file(path, base string, guards []guard, depth int) {
	data, err := r.bytes(path, depth)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		r.errs = append(r.errs, &Error{File: r.show(path), Msg: err.Error()})
		return
	}
	outer, body, start := guards, []string(nil), 0
	flush := func(next int) {
		r.section(path, guards, body, start)
		body, start = nil, next
	}
	for i, line := range strings.Split(string(data), "\n") {
		switch word, args := sshKeyword(line); word {
		case "host":
			flush(i + 1)
			guards = append(slices.Clone(outer), r.hostGuard(args))
		case "match":
			flush(i + 1)
			guards = append(slices.Clone(outer), r.matchGuard(args, fmt.Sprintf("%s:%d", r.show(path), i+1)))
		case "include":
			flush(i + 1)
			for _, arg := range sshWords(args) {
				r.include(arg, base, guards, depth+1)
			}
		default:
			body = append(body, line)
		}
	}
	flush(0)
}

func (r *sshReader) bytes(path string, depth int) ([]byte, error) {
	if r.files++; r.files > maxSSHFiles || depth > maxInclude {
		return nil, fmt.Errorf("too many files are included, or one includes itself")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSSHFile+1))
	if err == nil && len(data) > maxSSHFile {
		err = fmt.Errorf("is larger than %d KiB", maxSSHFile>>10)
	}
	return data, pathless(err)
}

// include reads the files that a glob names, relative to the folder of the
// user's or the system's file.
func (r *sshReader) include(pattern, base string, guards []guard, depth int) {
	switch {
	case strings.HasPrefix(pattern, "~/"):
		pattern = filepath.Join(r.env.home, pattern[2:])
	case !filepath.IsAbs(pattern):
		pattern = filepath.Join(base, pattern)
	}
	paths, _ := filepath.Glob(pattern) // a malformed pattern names no file
	for _, path := range paths {
		r.file(path, base, guards, depth)
	}
}

// section keeps the lines of body, which starts start lines into the file.
func (r *sshReader) section(path string, guards []guard, body []string, start int) {
	conf, err := sshconf.DecodeBytes([]byte(strings.Join(body, "\n") + "\n"))
	if err != nil {
		r.errs = append(r.errs, &Error{File: r.show(path), Line: start + 1, Msg: "in the lines from here: " + err.Error()})
		return
	}
	s := sshSection{guards: guards, file: r.show(path), raw: body, offset: start}
	for _, node := range conf.Hosts[0].Nodes {
		if kv, ok := node.(*sshconf.KV); ok {
			s.lines = append(s.lines, kv)
		}
	}
	r.conf.sections = append(r.conf.sections, s)
}

// show writes paths in the home folder the short way.
func (r *sshReader) show(path string) string {
	if rest, ok := strings.CutPrefix(path, r.env.home+string(filepath.Separator)); ok && r.env.home != "" {
		return "~/" + filepath.ToSlash(rest)
	}
	return path
}

// sshKeyword splits a line into its keyword in lower case and the rest.
func sshKeyword(line string) (word, args string) {
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return strings.ToLower(line), ""
	}
	args = strings.TrimLeft(line[end:], " \t")
	args = strings.TrimLeft(strings.TrimPrefix(args, "="), " \t")
	return strings.ToLower(line[:end]), args
}

// sshWords splits arguments at blanks, outside quotes of either kind, up to a comment.
// A backslash takes the meaning from a quote, from itself, and outside quotes from a
// blank, as in OpenSSH.
func sshWords(args string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	started := false
	end := func() {
		if started {
			words = append(words, word.String())
		}
		word.Reset()
		started = false
	}
	text := []rune(args)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (strings.ContainsRune("\"'\\", text[i+1]) || quote == 0 && text[i+1] == ' '):
			i++
			word.WriteRune(text[i])
			started = true
		case quote == 0 && (c == '"' || c == '\''):
			quote, started = c, true
		case c == quote:
			quote = 0
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			end()
		case quote == 0 && !started && c == '#':
			return words
		default:
			word.WriteRune(c)
			started = true
		}
	}
	end()
	return words
}
