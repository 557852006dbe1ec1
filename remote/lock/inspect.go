package lock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"liftalot/remote"
)

// Inspect says who holds the lock, if anybody does. It changes nothing.
func Inspect(ctx context.Context, r Runner, file string) (h Holder, held bool, err error) {
	res, err := r.Run(ctx, remote.Command{Name: "inspect lock", Script: inspectScript, Args: []string{file}, Root: true})
	if exit, ok := errors.AsType[*remote.ExitError](err); ok && exit.Code == exitAbsent {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("inspect lock: %w", err)
	}
	return parseHolder(res.Stdout), true, nil
}

// Break frees a lock that the run runID holds, on the word of a person who has
// seen whose it is. A lock of another run is left alone and is a [*HeldError];
// a lock that nobody holds is no error.
func Break(ctx context.Context, r Runner, file, runID string) error {
	res, err := r.Run(ctx, remote.Command{Name: "break lock", Script: breakScript, Args: []string{file, runID}, Root: true})
	exit, ok := errors.AsType[*remote.ExitError](err)
	switch {
	case err == nil, ok && exit.Code == exitAbsent:
		return nil
	case ok && exit.Code == exitOther:
		return &HeldError{Holder: parseHolder(res.Stdout)}
	}
	return fmt.Errorf("break lock: %w", err)
}

// parseHolder reads what show prints: the host's time and the last heartbeat,
// run id, process, time of the locking, JSON. What is not there stays empty: a
// loser must hear that he lost, whatever the file looks like.
func parseHolder(answer []byte) Holder {
	lines := strings.SplitN(string(answer), "\n", 6)
	lines = append(lines, make([]string, 6)...)
	var h Holder
	if json.Unmarshal([]byte(lines[4]), &h) != nil {
		h = Holder{}
	}
	if id := lines[1]; id != "" {
		h.RunID = id
	}
	if since, err := strconv.ParseInt(lines[3], 10, 64); err == nil {
		h.Since = time.Unix(since, 0).UTC()
	}
	var now, beat int64
	if _, err := fmt.Sscan(lines[0], &now, &beat); err == nil && beat >= 0 && now > beat {
		h.Silent = time.Duration(min(now-beat, int64(24*365*time.Hour/time.Second))) * time.Second
	}
	return h
}
