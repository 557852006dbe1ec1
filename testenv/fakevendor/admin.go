package fakevendor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// SetAuth changes who may pull. Tokens given before are void.
func (f *Vendor) SetAuth(_ context.Context, a Auth) error { return f.auth.set(a) }

// SetFault adds a fault. The first that matches a request happens.
func (f *Vendor) SetFault(_ context.Context, fault Fault) error { return f.faults.add(fault) }

// ClearFaults ends all faults.
func (f *Vendor) ClearFaults(context.Context) error {
	f.faults.clear()
	return nil
}

// Requests returns what both hosts were asked, oldest first.
func (f *Vendor) Requests(context.Context) ([]Request, error) { return f.journal.all(), nil }

// Reset brings back the state after the start: no faults, no password, an empty
// journal, the first releases. Images that were published stay in the registry.
func (f *Vendor) Reset(ctx context.Context) error {
	f.faults.clear()
	if err := f.auth.set(Auth{Mode: Anonymous}); err != nil {
		return err
	}
	f.channels.clear()
	if err := f.publishDefaults(ctx); err != nil {
		return err
	}
	f.journal.clear()
	return nil
}

// Info is what the admin API tells about the fixture itself.
type Info struct {
	KeyFingerprint string `json:"key_fingerprint"`
	PublicKey      string `json:"public_key"`
	CA             string `json:"ca"`
}

// mostBody bounds what the admin API reads.
const mostBody = 1 << 20

// admin is the API of a [Client]:
//
//	GET    /info              Info
//	PUT    /release           Release in, Published out
//	DELETE /release/CHANNEL
//	PUT    /auth              Auth in
//	POST   /faults            Fault in
//	DELETE /faults
//	GET    /requests          list of Request
//	POST   /reset
//
// An error is an object with the field "error". Whoever reaches the port may
// steer: it belongs on a network of throw-away machines only.
func (f *Vendor) admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /info", call(func(context.Context, struct{}) (Info, error) {
		return Info{KeyFingerprint: f.KeyFingerprint(), PublicKey: string(f.PublicKey()), CA: string(f.CA())}, nil
	}))
	mux.Handle("PUT /release", call(f.SetRelease))
	mux.HandleFunc("DELETE /release/{channel}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, f.RemoveRelease(r.Context(), r.PathValue("channel")))
	})
	mux.Handle("PUT /auth", order(f.SetAuth))
	mux.Handle("POST /faults", order(f.SetFault))
	mux.Handle("DELETE /faults", order(func(ctx context.Context, _ struct{}) error { return f.ClearFaults(ctx) }))
	mux.Handle("GET /requests", call(func(ctx context.Context, _ struct{}) ([]Request, error) { return f.Requests(ctx) }))
	mux.Handle("POST /reset", order(func(ctx context.Context, _ struct{}) error { return f.Reset(ctx) }))
	return mux
}

// call turns a method with a parameter and a result into a handler. A request
// without a body is the zero parameter.
func call[In, Out any](method func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.ContentLength != 0 {
			dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&in); err != nil {
				writeJSON(w, http.StatusBadRequest, errorBody{fmt.Sprintf("read request: %v", err)})
				return
			}
		}
		out, err := method(r.Context(), in)
		answer(w, out, err)
	})
}

// order is call for a method without a result.
func order[In any](method func(context.Context, In) error) http.Handler {
	return call(func(ctx context.Context, in In) (struct{}, error) { return struct{}{}, method(ctx, in) })
}

type errorBody struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, errorBody{err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, v)
}
