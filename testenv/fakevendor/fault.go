package fakevendor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A FaultKind is a way for a host to let its clients down.
type FaultKind string

const (
	// FaultStatus answers with Status and an error body.
	FaultStatus FaultKind = "status"
	// FaultHang takes the request and never answers.
	FaultHang FaultKind = "hang"
	// FaultPortal answers with status 200 and a login page, as hotels do.
	FaultPortal FaultKind = "portal"
	// FaultSlow answers rightly, after Delay.
	FaultSlow FaultKind = "slow"
	// FaultDrop cuts the connection in the middle of the right answer.
	FaultDrop FaultKind = "drop"
	// FaultRedirect sends the client to Location.
	FaultRedirect FaultKind = "redirect"
	// FaultEndless answers with status 200 and a body that does not end.
	FaultEndless FaultKind = "endless"
)

// A Fault happens to the requests it matches.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Host is one of the vendor's names; empty matches both.
	Host string `json:"host,omitempty"`
	// PathPrefix is matched against the path; empty matches all.
	PathPrefix string `json:"path_prefix,omitempty"`
	// Times is after how many requests it is over; 0 is never.
	Times int `json:"times,omitempty"`

	Status   int           `json:"status,omitempty"`
	Delay    time.Duration `json:"delay,omitempty"` // in nanoseconds
	Location string        `json:"location,omitempty"`
}

func (f Fault) validate() error {
	switch f.Kind {
	case FaultStatus:
		if f.Status < 400 || f.Status > 599 {
			return fmt.Errorf("fault %q: status %d is not an error", f.Kind, f.Status)
		}
	case FaultSlow:
		if f.Delay <= 0 {
			return fmt.Errorf("fault %q needs a delay", f.Kind)
		}
	case FaultRedirect:
		if f.Location == "" {
			return fmt.Errorf("fault %q needs a location", f.Kind)
		}
	case FaultHang, FaultPortal, FaultDrop, FaultEndless:
	default:
		return fmt.Errorf("unknown fault %q", f.Kind)
	}
	return nil
}

func (f Fault) matches(r *http.Request) bool {
	return (f.Host == "" || f.Host == hostOf(r)) && strings.HasPrefix(r.URL.Path, f.PathPrefix)
}

// faultList holds the faults that are on; the first that matches happens.
type faultList struct {
	mu   sync.Mutex
	list []Fault
}

func (l *faultList) add(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, f)
	return nil
}

func (l *faultList) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

// take returns the fault for a request, and counts it down.
func (l *faultList) take(r *http.Request) (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.list {
		f := l.list[i]
		if !f.matches(r) {
			continue
		}
		if f.Times == 1 {
			l.list = slices.Delete(l.list, i, i+1)
		} else if f.Times > 1 {
			l.list[i].Times--
		}
		return f, true
	}
	return Fault{}, false
}

func (l *faultList) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := l.take(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		f.happen(w, r, next)
	})
}

// happen answers in place of the host. It returns early when the client leaves
// or the fixture closes, and cuts the connection with the panic net/http keeps
// for it.
func (f Fault) happen(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch f.Kind {
	case FaultStatus:
		if f.Status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		refuse(w, f.Status, "UNAVAILABLE", http.StatusText(f.Status))
	case FaultHang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case FaultPortal:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<html><title>Hotel Wi-Fi</title>Please accept our terms.</html>\n")
	case FaultSlow:
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	case FaultDrop:
		drop(w, r, next)
	case FaultRedirect:
		http.Redirect(w, r, f.Location, http.StatusFound)
	case FaultEndless:
		filler := []byte(strings.Repeat(" ", 1<<16))
		for r.Context().Err() == nil {
			if _, err := w.Write(filler); err != nil {
				return
			}
		}
	}
}

// drop sends the headers and one half of the right answer.
func drop(w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	body := whole.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // the panic below ends it either way
	panic(http.ErrAbortHandler)
}
