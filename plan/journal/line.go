package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// The frame around a record. It is compared byte by byte and not parsed as
// JSON, which would let a changed byte through wherever JSON has two ways to
// say the same.
const (
	frameOpen  = `{"sum":"`
	frameMid   = `","rec":`
	frameClose = `}`
	sumLen     = 2 * sha256.Size
	frameHead  = len(frameOpen) + sumLen + len(frameMid)
)

// encode returns the line of an entry, with its newline, and its sum.
func encode(e entry) (line []byte, sum string, err error) {
	e.Time = e.Time.UTC()
	rec, err := json.Marshal(e)
	if err != nil {
		return nil, "", fmt.Errorf("write a journal record: %w", err)
	}
	sum = hashOf(rec)
	line = make([]byte, 0, frameHead+len(rec)+2)
	line = append(line, frameOpen...)
	line = append(line, sum...)
	line = append(line, frameMid...)
	line = append(line, rec...)
	line = append(line, frameClose...)
	line = append(line, '\n')
	if len(line) > maxLine {
		return nil, "", fmt.Errorf("write a journal record: it would take %d bytes, at most %d are allowed", len(line), maxLine)
	}
	return line, sum, nil
}

// unframe returns the record inside a line, given without its newline, and
// its sum, when the sum is right.
func unframe(line []byte) (rec []byte, sum string, err error) {
	if len(line) < frameHead+len(frameClose) ||
		!bytes.HasPrefix(line, []byte(frameOpen)) ||
		!bytes.Equal(line[frameHead-len(frameMid):frameHead], []byte(frameMid)) ||
		!bytes.HasSuffix(line, []byte(frameClose)) {
		return nil, "", errors.New("not a journal line")
	}
	sum = string(line[len(frameOpen) : len(frameOpen)+sumLen])
	rec = line[frameHead : len(line)-len(frameClose)]
	if hashOf(rec) != sum {
		return nil, "", errors.New("its checksum does not match")
	}
	return rec, sum, nil
}

// decode reads a line, given without its newline. Only the version is read
// before the checksum and the version are known to be good.
func decode(line []byte) (e entry, sum string, err error) {
	rec, sum, err := unframe(line)
	if err != nil {
		return entry{}, "", err
	}
	var v struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(rec, &v); err != nil {
		return entry{}, "", errors.New("its record is not JSON")
	}
	if v.V > Version {
		return entry{}, "", &NewerError{Version: v.V}
	}
	dec := json.NewDecoder(bytes.NewReader(rec))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || e.V != Version {
		return entry{}, "", fmt.Errorf("its record is not one of version %d", Version)
	}
	return e, sum, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
