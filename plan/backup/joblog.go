package backup

import "bytes"

// A jobLog takes the log of a job apart while it comes, shows the stages among its
// lines as soon as they are whole, and keeps the last line. What a host says has no
// end of its own: no more than two lines are in memory.
type jobLog struct {
	tell func(Event)
	each func(line []byte) // gets what is no stage, line by line; nil for nobody
	line []byte            // the beginning of the one under way
	last []byte            // the last whole one that is not empty
}

// maxLogLine bounds a line; what is longer is cut, not split.
const maxLogLine = 4 << 10

func (l *jobLog) add(chunk []byte) {
	for len(chunk) > 0 {
		line, rest, whole := bytes.Cut(chunk, []byte("\n"))
		l.line = append(l.line, line[:min(len(line), maxLogLine-len(l.line))]...)
		if whole {
			l.end()
		}
		chunk = rest
	}
}

// end is that of a line.
func (l *jobLog) end() {
	if stage, ok := bytes.CutPrefix(l.line, []byte("stage ")); ok {
		l.tell(Event{Stage: string(stage)})
	} else if l.each != nil {
		l.each(l.line)
	}
	if len(bytes.TrimSpace(l.line)) > 0 {
		l.line, l.last = l.last, l.line
	}
	l.line = l.line[:0]
}

// lastLine is the last thing the job said; it need not have come to its end.
func (l *jobLog) lastLine() string {
	if len(bytes.TrimSpace(l.line)) > 0 {
		return lastLine(l.line)
	}
	return lastLine(l.last)
}
