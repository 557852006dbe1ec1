package bucket

import (
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
)

// An Error is that a store refused, or did not answer.
type Error struct {
	Op, Key string
	Status  int    // of HTTP; 0: no answer came, or it broke
	Code    string // the store's own word, such as NoSuchBucket
	Err     error
}

func (e *Error) Error() string {
	what := e.Op
	if e.Key != "" {
		what += " " + e.Key
	}
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %v", what, e.Err)
	case words()[e.Code] != "":
		return fmt.Sprintf("%s: %s (%s)", what, words()[e.Code], e.Code)
	case e.Code != "":
		return fmt.Sprintf("%s: the store says %s (%d)", what, e.Code, e.Status)
	}
	return fmt.Sprintf("%s: the store answers with status %d", what, e.Status)
}

func (e *Error) Unwrap() error { return e.Err }

// words are for what a person can do something about.
func words() map[string]string {
	const login, region = "the store does not accept the login", "the bucket is in another region, or the endpoint is another's"
	return map[string]string{
		"NoSuchBucket": "there is no such bucket", "AccessDenied": "the login may not do that",
		"InvalidAccessKeyId": login, "SignatureDoesNotMatch": login, "InvalidToken": login, "ExpiredToken": "the login has expired",
		"AuthorizationHeaderMalformed": region, "PermanentRedirect": region, "TemporaryRedirect": region, "InvalidRegion": region,
		"RequestTimeTooSkewed": "the clocks of this machine and of the store differ too much",
	}
}

// Refused reports that the store did not accept the login, or does not let it do
// what was asked.
func (e *Error) Refused() bool {
	if e.Code == "RequestTimeTooSkewed" {
		return false // another login would not help
	}
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// Away reports that the store did not answer, or is busy: asking later may help.
func (e *Error) Away() bool {
	switch e.Code {
	case "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable":
		return true
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(e.Err, &certificate) || errors.Is(e.Err, errForeign) || errors.Is(e.Err, errLength) {
		return false
	}
	return e.Status == 0 || e.Status >= 500 && e.Status != http.StatusNotImplemented ||
		e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// errForeign reports an answer that no such store gives.
var errForeign = errors.New("the answer is not one of an S3 store")

// errLength reports an object that is not as long as it was listed.
var errLength = errors.New("the object is another")

func (c call) foreign() error { return &Error{Op: c.op, Key: c.key, Err: errForeign} }

// read takes an answer apart.
func (c call) read(resp *http.Response) error {
	if resp.StatusCode/100 != 2 {
		return c.refusal(resp)
	}
	if c.answer == nil {
		return nil
	}
	return c.answer(resp)
}

// maxRefusal bounds what is read of an error.
const maxRefusal = 64 << 10

// codeForm is what the code of an error looks like; it reaches messages.
var codeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.]{0,63}$`)

func (c call) refusal(resp *http.Response) error {
	e := &Error{Op: c.op, Key: c.key, Status: resp.StatusCode}
	var said struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.NewDecoder(io.LimitReader(resp.Body, maxRefusal)).Decode(&said) == nil && codeForm.MatchString(said.Code) {
		e.Code = said.Code
	}
	if e.Status == http.StatusNotFound && (e.Code == "NoSuchKey" || e.Code == "" && c.key != "") {
		e.Err = ErrNone
	}
	return e
}

// document reads an XML answer. A store may begin an answer well and end it with
// an error, since it has sent the status before it knew.
func (c call) document(resp *http.Response, most int64, into any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return err
	}
	var said struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal(data, &said) == nil {
		e := &Error{Op: c.op, Key: c.key, Status: http.StatusInternalServerError}
		if codeForm.MatchString(said.Code) {
			e.Code = said.Code
		}
		return e
	}
	if xml.Unmarshal(data, into) != nil {
		return c.foreign()
	}
	return nil
}
