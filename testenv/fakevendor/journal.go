package fakevendor

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Request is one request to either of the vendor's hosts, as it was answered.
// It never holds a password or a token.
type Request struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Host   string    `json:"host"`
	Path   string    `json:"path"`
	Status int       `json:"status"` // 0: cut off before an answer
	User   string    `json:"user,omitempty"`
}

// mostRequests bounds the journal; the oldest go first.
const mostRequests = 10_000

// journal remembers the requests.
type journal struct {
	mu   sync.Mutex
	list []Request
}

func (j *journal) add(r Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.list) >= mostRequests {
		j.list = slices.Delete(j.list, 0, mostRequests/2)
	}
	j.list = append(j.list, r)
}

func (j *journal) all() []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.list)
}

func (j *journal) clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = nil
}

// wrap notes each request when its answer is complete or cut off.
func (j *journal) wrap(next http.Handler, now func() time.Time, userOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := Request{At: now().UTC(), Method: r.Method, Host: hostOf(r), Path: r.URL.Path, User: userOf(r)}
		noted := &statusWriter{ResponseWriter: w}
		defer func() {
			entry.Status = noted.status
			j.add(entry)
		}()
		next.ServeHTTP(noted, r)
		if noted.status == 0 {
			noted.status = http.StatusOK
		}
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
