package remote

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// keyFileNames are the files that say which host keys are good.
type keyFileNames struct {
	own     []string // known_hosts of ours, in which every line must be readable
	others  []string // the user's and the machine's, in which one that is not is left out
	revoked []string // RevokedHostKeys
}

// knownKeys is what the files of a host hold.
type knownKeys struct {
	*knownhosts.HostKeyDB
	names   map[string]string // the real name of a file that was read from a copy
	skipped []string          // lines of files that are not ours that cannot be read

	revoked []revokedFile
	unread  error // why it is not known which keys are revoked
}

// maxSkipped is how many unreadable lines of one file are skipped: a file of
// nothing else is some other kind of file.
const maxSkipped = 50

// KnownHostsCache remembers what known_hosts files hold for the clients that share it.
// A thousand hosts would otherwise read a thousand lines each, and keep them as
// long as they are connected. A file that was changed is read again. The zero
// KnownHostsCache has read nothing yet.
type KnownHostsCache struct {
	mu   sync.Mutex
	sets map[string]*knownSet
}

// A knownSet is what some files held when they looked like this.
type knownSet struct {
	look string
	keys *knownKeys
}

// read returns what files hold together. Those who come at the same time wait for
// one reader. On a nil KnownFiles everyone reads.
func (f *KnownHostsCache) read(names keyFileNames) (*knownKeys, error) {
	if f == nil {
		return readKnown(names)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var look, name string
	for _, list := range [][]string{names.own, names.others, names.revoked} {
		look += fingerprint(list) + "\x00\x00"
		name += strings.Join(list, "\x00") + "\x00\x00"
	}
	if set := f.sets[name]; set != nil && set.look == look {
		return set.keys, nil
	}
	keys, err := readKnown(names)
	if err != nil || keys.unread != nil { // which a chmod heals, unseen by looks
		return keys, err
	}
	if f.sets == nil {
		f.sets = map[string]*knownSet{}
	}
	f.sets[name] = &knownSet{look, keys}
	return keys, nil
}

// fingerprint tells files from the same files after a change.
func fingerprint(names []string) string {
	var b strings.Builder
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%d %d", info.Size(), info.ModTime().UnixNano())
		}
		b.WriteByte(0)
	}
	return b.String()
}

// readKnown reads our own files, where a line that cannot be read is an error,
// and the others, where it is skipped, as OpenSSH does: they are old, written by
// many programs, and not ours to mend. A file that is not there holds no keys.
func readKnown(names keyFileNames) (*knownKeys, error) {
	k := &knownKeys{names: map[string]string{}}
	files, err := existingFiles(names.own)
	if err != nil {
		return nil, err
	}
	others, err := existingFiles(names.others)
	if err != nil {
		return nil, err
	}
	for _, name := range others {
		copied, err := k.readable(name)
		if err != nil {
			return nil, err
		}
		if copied != name {
			defer os.Remove(copied)
			k.names[copied] = name
		}
		files = append(files, copied)
	}
	if k.HostKeyDB, err = knownhosts.NewDB(files...); err != nil {
		return nil, err
	}
	k.revoked, k.unread = readRevokedFiles(names.revoked)
	return k, nil
}

func existingFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		if _, err := os.Stat(name); err == nil {
			files = append(files, name)
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return files, nil
}

// readable returns the name of a file without the lines that the parser does
// not take: the file itself, or a copy in which they are empty.
func (k *knownKeys) readable(name string) (string, error) {
	_, err := xknownhosts.New(name)
	if err == nil {
		return name, nil
	}
	content, readErr := os.ReadFile(name)
	if readErr != nil {
		return "", readErr
	}
	lines := bytes.Split(content, []byte{'\n'})
	current := name
	for n := 0; err != nil && n < maxSkipped; n++ {
		at := badLine(err, current)
		if at < 1 || at > len(lines) {
			break
		}
		k.skipped = append(k.skipped, fmt.Sprintf("%s:%d", name, at))
		lines[at-1] = nil
		if current != name {
			_ = os.Remove(current)
		}
		if current, readErr = writeCopy(bytes.Join(lines, []byte{'\n'})); readErr != nil {
			return "", readErr
		}
		_, err = xknownhosts.New(current)
	}
	if err == nil {
		return current, nil
	}
	if current != name {
		_ = os.Remove(current)
	}
	return "", fmt.Errorf("%s: too many lines cannot be read", name)
}

func writeCopy(content []byte) (string, error) {
	f, err := os.CreateTemp("", "known_hosts-*") // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Close())
}

// badLine reads the line number out of the parser's error, which has no type:
// "knownhosts: FILE:LINE: what" (x/crypto 0.58). 0 means that there is none.
func badLine(err error, file string) int {
	_, rest, ok := strings.Cut(err.Error(), file+":")
	if !ok {
		return 0
	}
	number, _, _ := strings.Cut(rest, ":")
	line, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return line
}
