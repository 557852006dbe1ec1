package inventory

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	env      *environment
}

// An sshSection is what stands between two lines of Host, Match or Include.
type sshSection struct {
	guards []*guard
	lines  []sshLine
}

// An sshLine is one line, read as OpenSSH reads it.
type sshLine struct {
	keyword string
	text    string   // what follows the keyword, with its quotes and comment
	args    []string // the same, as words
	err     error    // why it cannot be read, in which case ssh refuses to start
	file    string
	number  int
}

func (l sshLine) position() string { return fmt.Sprintf("%s:%d", l.file, l.number) }

// An sshReader cuts files into sections.
type sshReader struct {
	env   *environment
	conf  *sshConfig
	files int
	errs  Errors
}

func readSSHConfig(env *environment) (*sshConfig, Errors) {
	r := &sshReader{env: env, conf: &sshConfig{env: env}}
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
func (r *sshReader) file(path, base string, guards []*guard, depth int) {
	data, err := r.bytes(path, depth)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		r.errs = append(r.errs, &Error{File: r.show(path), Msg: err.Error()})
		return
	}
	outer, body := guards, []sshLine(nil)
	flush := func() {
		r.conf.sections = append(r.conf.sections, sshSection{guards: guards, lines: body})
		body = nil
	}
	for i, text := range strings.Split(string(data), "\n") {
		line := newSSHLine(text, r.show(path), i+1)
		switch line.keyword {
		case "", "#":
		case "host":
			flush()
			guards = append(slices.Clone(outer), hostGuard(line))
		case "match":
			flush()
			guards = append(slices.Clone(outer), matchGuard(line))
		case "include":
			flush()
			for _, arg := range line.args {
				r.include(arg, base, guards, depth+1)
			}
		default:
			body = append(body, line)
		}
	}
	flush()
}

// newSSHLine reads a line; a comment has the keyword "#".
func newSSHLine(text, file string, number int) sshLine {
	l := sshLine{file: file, number: number}
	l.keyword, l.text, l.err = sshKeyword(text)
	switch {
	case strings.HasPrefix(l.keyword, "#"):
		return sshLine{keyword: "#"}
	case l.err != nil:
		l.keyword = strings.ToLower(strings.Trim(strings.Fields(text)[0], `"`))
	case l.keyword != "" && l.text == "":
		l.err = errNoValue
	default:
		l.args, l.err = sshWords(l.text)
	}
	return l
}

var errNoValue = errors.New("has no value")

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
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSSHFile+1))
	if err == nil && len(data) > maxSSHFile {
		err = fmt.Errorf("is larger than %d KiB", maxSSHFile>>10)
	}
	return data, withoutPath(err)
}

// include reads the files that a glob names, relative to the folder of the
// user's or the system's file.
func (r *sshReader) include(pattern, base string, guards []*guard, depth int) {
	pattern, _ = expandEnv(pattern) // a variable that is not set names no file
	pattern = r.env.tilde(pattern)
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(base, pattern)
	}
	paths, _ := filepath.Glob(pattern) // a malformed pattern names no file
	for _, path := range paths {
		r.file(path, base, guards, depth)
	}
}

// show writes paths in the home folder the short way.
func (r *sshReader) show(path string) string {
	if rest, ok := strings.CutPrefix(path, r.env.home+string(filepath.Separator)); ok && r.env.home != "" {
		return "~/" + filepath.ToSlash(rest)
	}
	return path
}
