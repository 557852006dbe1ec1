package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"liftalot/remote"
)

// Kinds of what lies among a server's files. Links and what is neither file nor
// folder are written down and neither followed nor kept. A lost one is a file that
// changed or went while it was copied: its content is not in the backup.
const (
	isFile   = 'f'
	isFolder = 'd'
	isLink   = 'l'
	isOther  = 'o'
	isLost   = 'x'
)

// An Upload is one name among a server's files.
type Upload struct {
	Path              string // inside the server; any bytes but NUL
	Kind              byte
	Mode              uint32 // permissions
	UID, GID          uint32
	Size              int64
	Modified, Changed int64  // seconds
	Inode             uint64 // 0 where the file may have changed in the same second
	Sum               [32]byte
	Object            objectName
	Sealed            int64 // bytes of the object
}

// same reports whether a file is, by all that costs no reading, the one that was
// hashed.
func (u *Upload) same(was *Upload) bool {
	return u.Kind == isFile && was.Kind == isFile && was.Inode != 0 && u.Inode == was.Inode && u.Size == was.Size &&
		u.Modified == was.Modified && u.Changed == was.Changed
}

// Bounds of a listing.
const (
	maxUploads  = 2_000_000
	maxPath     = 16 << 10
	maxStatLine = 256
)

// list asks the host for its files. Notes say what is odd about the list.
func (i helperContainer) list(ctx context.Context, script string, folders []string) (list []Upload, note string, err error) {
	err = i.read(ctx, remote.Command{Name: "list the files", Script: script, Args: folders, Timeout: listTimeout}, func(r *bufio.Reader) error {
		list, note, err = readList(r)
		return err
	})
	return list, note, err
}

var errList = errors.New("the host's list of files cannot be read")

// readList reads what uploads_list.sh writes.
func readList(r *bufio.Reader) (list []Upload, note string, err error) {
	line, err := readUntil(r, '\n', maxStatLine)
	if err != nil {
		return nil, "", err
	}
	at, err := strconv.ParseInt(strings.TrimPrefix(line, "at "), 10, 64)
	if err != nil {
		return nil, "", errList
	}
	seen, gone := map[string]bool{}, 0
	for {
		if line, err = readUntil(r, '\n', maxStatLine); err != nil {
			return nil, "", err
		}
		if status, ok := strings.CutPrefix(line, "end "); ok {
			switch {
			case gone > 0:
				note = fmt.Sprintf("%d names vanished, or could not be looked at", gone)
			case status != "0":
				note = "some folders could not be listed to their end"
			}
			return list, note, nil
		}
		if line == "gone" {
			gone++
			continue
		}
		text, ok := strings.CutPrefix(line, "some ")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 1 || n > maxUploads-len(list) {
			return nil, "", errList
		}
		batch, err := readBatch(r, n, at)
		if err != nil {
			return nil, "", err
		}
		for _, u := range batch {
			if !seen[u.Path] { // a mount below another is met twice
				seen[u.Path] = true
				list = append(list, u)
			}
		}
	}
}

func readBatch(r *bufio.Reader, n int, at int64) ([]Upload, error) {
	var batch []Upload
	for range n {
		line, err := readUntil(r, '\n', maxStatLine)
		if err != nil {
			return nil, err
		}
		u, err := readStat(line, at)
		if err != nil {
			return nil, err
		}
		batch = append(batch, u)
	}
	for k := range batch {
		name, err := readUntil(r, 0, maxPath)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(name, "/") {
			return nil, errList
		}
		batch[k].Path = name
	}
	return batch, nil
}

// readStat reads "MODE UID GID SIZE MTIME CTIME INODE".
func readStat(line string, at int64) (u Upload, err error) {
	f := strings.Split(line, " ")
	if len(f) != 7 {
		return u, errList
	}
	mode, err0 := strconv.ParseUint(f[0], 16, 32)
	uid, err1 := strconv.ParseUint(f[1], 10, 32)
	gid, err2 := strconv.ParseUint(f[2], 10, 32)
	size, err3 := strconv.ParseInt(f[3], 10, 64)
	modified, err4 := strconv.ParseInt(f[4], 10, 64)
	changed, err5 := strconv.ParseInt(f[5], 10, 64)
	inode, err6 := strconv.ParseUint(f[6], 10, 64)
	if errors.Join(err0, err1, err2, err3, err4, err5, err6) != nil || size < 0 {
		return u, errList
	}
	u = Upload{
		Kind: isOther, Mode: uint32(mode & 0o7777), UID: uint32(uid), GID: uint32(gid), Size: size, Modified: modified, Changed: changed, Inode: inode,
	}
	switch mode & 0o170000 {
	case 0o100000:
		u.Kind = isFile
	case 0o040000:
		u.Kind = isFolder
	case 0o120000:
		u.Kind = isLink
	}
	// What changes once more within this second looks the same afterwards.
	if modified >= at-1 || changed >= at-1 {
		u.Inode = 0
	}
	return u, nil
}

// readUntil reads up to a byte, which is left out, and never more than most.
func readUntil(r *bufio.Reader, end byte, most int) (string, error) {
	var b []byte
	for {
		part, err := r.ReadSlice(end)
		if b = append(b, part...); len(b) > most {
			return "", errList
		}
		switch {
		case err == nil:
			return string(b[:len(b)-1]), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return "", errors.New("the host's list of files is cut off")
		default:
			return "", err
		}
	}
}

// The listing of a backup is the file files.list. It holds, each ended by a NUL
// byte: "liftalot files 1"; for each name, in fields with one space in between,
// kind (f file, d folder, l link, o other, x lost), mode (octal), uid, gid, size,
// modified, changed, inode, SHA-256, object and size of the object ("-" where there
// is none), and the path, which is the rest; and at last "end" and how many
// there were.
const (
	listing       = "files.list"
	listingHeader = "liftalot files 1"
)

// writeListing writes the listing of a backup.
func writeListing(w io.Writer, list []Upload) error {
	b := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintf(b, "%s\x00", listingHeader)
	for k := range list {
		u := &list[k]
		fmt.Fprintf(b, "%c %o %d %d %d %d %d %d ", u.Kind, u.Mode, u.UID, u.GID, u.Size, u.Modified, u.Changed, u.Inode)
		if u.Kind == isFile {
			fmt.Fprintf(b, "%x %s %d ", u.Sum, u.Object, u.Sealed)
		} else {
			b.WriteString("- - - ")
		}
		b.WriteString(u.Path)
		b.WriteByte(0)
	}
	fmt.Fprintf(b, "end %d\x00", len(list))
	return b.Flush()
}

// readListing reads what writeListing wrote.
func readListing(r io.Reader, each func(*Upload) error) error {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := readUntil(b, 0, maxPath)
	if err != nil || head != listingHeader {
		return errors.Join(errors.New("it is no list of files, or of another format"), err)
	}
	for n := 0; ; n++ {
		line, err := readUntil(b, 0, maxPath+2*maxStatLine)
		if err != nil {
			return err
		}
		if line == "end "+strconv.Itoa(n) {
			// Only at its end is an encrypted file known to be whole.
			if _, err := b.ReadByte(); !errors.Is(err, io.EOF) {
				return errors.Join(errList, err)
			}
			return nil
		}
		u, err := readEntry(line)
		if err != nil {
			return err
		}
		if err := each(u); err != nil {
			return err
		}
	}
}

func readEntry(line string) (*Upload, error) {
	f := strings.SplitN(line, " ", 12)
	if len(f) != 12 || len(f[0]) != 1 {
		return nil, errList
	}
	mode, err := strconv.ParseUint(f[1], 8, 32)
	if err != nil {
		return nil, errList
	}
	u, err := readStat(strconv.FormatUint(mode, 16)+" "+strings.Join(f[2:8], " "), 1<<62)
	if err != nil {
		return nil, err
	}
	if u.Inode, err = strconv.ParseUint(f[7], 10, 64); err != nil {
		return nil, errList
	}
	u.Kind, u.Path = f[0][0], f[11]
	if u.Kind != isFile {
		return &u, nil
	}
	sum, err1 := hex.DecodeString(f[8])
	object, err2 := hex.DecodeString(f[9])
	sealed, err3 := strconv.ParseInt(f[10], 10, 64)
	if errors.Join(err1, err2, err3) != nil || copy(u.Sum[:], sum) != 32 || copy(u.Object[:], object) != 32 {
		return nil, errList
	}
	u.Sealed = sealed
	return &u, nil
}

// hash has files hashed on the host. Those that cannot be read are lost. It
// returns how many it has done, which after a break need not be done again.
func (i helperContainer) hash(ctx context.Context, script string, files []*Upload, tell func(more int64)) (next int, err error) {
	var total int64
	for _, u := range files {
		total += u.Size
	}
	cmd := remote.Command{
		Name: "hash the files", Script: script, Timeout: transferTime(total),
		Stdin: names(files, func(b *bytes.Buffer, u *Upload) { b.WriteString(u.Path) }),
	}
	err = i.read(ctx, cmd, func(r *bufio.Reader) error {
		for ; next < len(files); next++ {
			line, err := readUntil(r, '\n', maxStatLine)
			if err != nil {
				return err
			}
			u := files[next]
			sum, err := hex.DecodeString(line)
			switch {
			case line == "-":
				u.Kind = isLost
			case err != nil || copy(u.Sum[:], sum) != 32:
				return errList
			}
			tell(u.Size)
		}
		return nil
	})
	return next, err
}

// names writes something of each file, ended by a NUL byte, when it is asked for.
func names(files []*Upload, write func(*bytes.Buffer, *Upload)) io.Reader {
	var b bytes.Buffer
	next := 0
	return reader(func(p []byte) (int, error) {
		for b.Len() == 0 {
			if next == len(files) {
				return 0, io.EOF
			}
			write(&b, files[next])
			b.WriteByte(0)
			next++
		}
		return b.Read(p)
	})
}
