package release

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxPages is how many parts a list of referrers may have.
const maxPages = 8

// referrers returns what refers to an image: by the registry's own account and,
// for one that keeps none or did not when the image was signed, by the index at
// the tag sha256-HEX that clients write in its place (distribution
// specification 1.1, "Referrers Tag Schema").
//
// The library has a function for this too. It takes an answer with a parameter
// in its media type for none, reads the first page only, and never looks at the
// tag of a registry that has an account.
func (r *registry) referrers(ctx context.Context, w want, digest v1.Hash) ([]v1.Descriptor, error) {
	carrier, err := transport.NewWithContext(ctx, w.repo.Registry, r.auth, r.carrier, []string{w.repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, r.failure(err, "list of what refers to the "+w.what)
	}
	client := &http.Client{Transport: carrier}
	var all []v1.Descriptor
	next := r.address(w.repo, "referrers", digest.String())
	for page := 0; next != nil; page++ {
		if page == maxPages {
			return nil, r.tooMany(w)
		}
		var list []v1.Descriptor
		if list, next, err = r.index(ctx, client, next, w); err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	tagged, _, err := r.index(ctx, client, r.address(w.repo, "manifests", digest.Algorithm+"-"+digest.Hex), w)
	if err != nil {
		return nil, err
	}
	known := make(map[v1.Hash]bool)
	for _, d := range all {
		known[d.Digest] = true
	}
	for _, d := range tagged {
		if !known[d.Digest] {
			all = append(all, d)
		}
	}
	return all, nil
}

func (r *registry) address(repo name.Repository, kind, which string) *url.URL {
	return &url.URL{Scheme: "https", Host: repo.RegistryStr(), Path: fmt.Sprintf("/v2/%s/%s/%s", repo.RepositoryStr(), kind, which)}
}

// index reads one index, and where its continuation is. One that the registry
// does not have, or of a kind that it does not know, is an empty one.
func (r *registry) index(ctx context.Context, client *http.Client, at *url.URL, w want) ([]v1.Descriptor, *url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, r.notUnderstood(w)
	}
	req.Header.Set("Accept", string(types.OCIImageIndex))
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, r.failure(err, "list of what refers to the "+w.what)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
		return nil, nil, nil
	default:
		return nil, nil, r.failure(transport.CheckError(resp, http.StatusOK), "list of what refers to the "+w.what)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != string(types.OCIImageIndex) {
		return nil, nil, nil // a front page, or an image that somebody tagged so
	}
	data, err := io.ReadAll(resp.Body) // bounded by the transport
	if err != nil {
		return nil, nil, classify(r.host, err)
	}
	list, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return nil, nil, r.notUnderstood(w)
	}
	return list.Manifests, continuation(at, resp.Header.Values("Link")), nil
}

// continuation is where the next page of a list is, if there is one.
func continuation(at *url.URL, links []string) *url.URL {
	for _, link := range links {
		target, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
		if !ok || !strings.Contains(strings.ReplaceAll(rest, `"`, ""), "rel=next") {
			continue
		}
		if u, err := at.Parse(target); err == nil { // on the same host, whatever name a proxy in front of it gave it
			return &url.URL{Scheme: at.Scheme, Host: at.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
		}
	}
	return nil
}

// Types that say nothing of what a manifest is: that of its empty configuration,
// which cosign 3 writes into the index at the tag, and those of images.
const (
	emptyType       = "application/vnd.oci.empty.v1+json"
	imageConfigType = string(types.OCIConfigJSON)
)

// signs reports whether a type, or the lack of one, leaves it open that a
// manifest is a signature.
func signs(artifact string) bool {
	switch artifact {
	case "", emptyType, imageConfigType, string(types.DockerConfigJSON), signatureArtifact:
		return true
	}
	return strings.HasPrefix(artifact, bundleArtifact)
}

// maySign passes over referrers that are something else, such as a list of
// contents or a statement about the build. What it is told by an index may be
// wanting; the manifest itself is asked by [ownTypes].
func maySign(artifact string, annotations map[string]string) bool {
	if p := annotations[predicateAnnotation]; p != "" && p != signPredicate {
		return false
	}
	return signs(artifact)
}

// manifestType returns the type and annotations of a manifest; one without a type of its own
// has that of its configuration.
func manifestType(manifest []byte) (artifact string, annotations map[string]string, err error) {
	m, err := v1.ParseManifest(bytes.NewReader(manifest))
	if err != nil {
		return "", nil, err
	}
	return cmp.Or(m.ArtifactType, string(m.Config.MediaType)), m.Annotations, nil
}
