package server_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	stdtls "crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// Row 49: a client asks for key updates and reads none of the answers, before its
// login and after. crypto/tls answers in the midst of reading, and the answers fill
// the connection. The session ends at the time at which a reply would have been
// given up. Now and then the client sends a byte of a command that never ends,
// because crypto/tls counts the updates from one such record to the next.
func TestKeyUpdatesNeverRead(t *testing.T) {
	for name, client := range map[string]struct {
		login func(*client)
		sent  uint64 // records
	}{
		"before login": {func(*client) {}, 0},
		"after login":  {(*client).login, 2},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				var keys testenv.Buffer
				cfg := fs.Config.Clone()
				cfg.KeyLogWriter = &keys
				c := newClient(t, fs.tcp(t, memClient, explicitPort, buffer), cfg)
				c.expect(220)
				c.authTLS()
				client.login(c)
				flood := updater(t, &keys, c.state().CipherSuite, client.sent)
				tcp := c.Conn.(*stdtls.Conn).NetConn()
				var sent atomic.Int64
				go func() {
					for err := error(nil); err == nil; {
						var n int
						n, err = tcp.Write(append(flood.update(), flood.data("x")...))
						sent.Add(int64(n))
					}
				}()
				time.Sleep(10 * time.Second) // the server does not read all that strangers send at once
				synctest.Wait()
				require.Len(t, fs.Sessions(), 1)
				require.Greater(t, sent.Load(), int64(2*buffer), "the server still answers")
				time.Sleep(30 * time.Second)
				synctest.Wait()
				require.Empty(t, fs.Sessions())
			})
		})
	}
}

// keyUpdater makes records of TLS 1.3. Some ask for an update of the keys (RFC
// 8446, section 4.6.3), which crypto/tls never does by itself.
type keyUpdater struct {
	t      testing.TB
	suite  uint16
	secret []byte // of what the client sends
	number uint64 // of the next record
}

// updater returns a keyUpdater that goes on behind the records that a client has
// sent since its handshake. keys holds what the KeyLogWriter was told of this
// handshake, and nothing else.
func updater(t testing.TB, keys *testenv.Buffer, suite uint16, sent uint64) *keyUpdater {
	t.Helper()
	_, line, ok := strings.Cut(keys.String(), "CLIENT_TRAFFIC_SECRET_0 ")
	require.True(t, ok, "no TLS 1.3")
	secret, err := hex.DecodeString(strings.Fields(line)[1])
	require.NoError(t, err)
	return &keyUpdater{t, suite, secret, sent}
}

// update returns a record that asks for new keys, and uses the new keys from then
// on.
func (u *keyUpdater) update() []byte {
	const handshake, keyUpdate, requested = 22, 24, 1
	record := u.seal(handshake, []byte{keyUpdate, 0, 0, 1, requested})
	u.next()
	return record
}

// next goes on to the next secret.
func (u *keyUpdater) next() {
	u.secret, u.number = u.expand(u.secret, "traffic upd", len(u.secret)), 0
}

// data returns a record with a part of a command.
func (u *keyUpdater) data(text string) []byte { return u.seal(23, []byte(text)) }

// seal makes a record (RFC 8446, section 5.2).
func (u *keyUpdater) seal(kind byte, content []byte) []byte {
	record := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(content)+1+16))
	return u.aead().Seal(record, u.nonce(), append(content, kind), record)
}

// open decrypts the next record.
func (u *keyUpdater) open(record []byte) (kind byte, content []byte, err error) {
	number := u.number
	p, err := u.aead().Open(nil, u.nonce(), record[5:], record[:5])
	if err != nil {
		u.number = number
		return 0, nil, err
	}
	return p[len(p)-1], p[:len(p)-1], nil
}

// nonce returns the nonce of the next record (RFC 8446, section 5.3).
func (u *keyUpdater) nonce() []byte {
	nonce := u.expand(u.secret, "iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, u.number) {
		nonce[4+i] ^= b
	}
	u.number++
	return nonce
}

func (u *keyUpdater) aead() cipher.AEAD {
	size := 32
	if u.suite == stdtls.TLS_AES_128_GCM_SHA256 {
		size = 16
	}
	key := u.expand(u.secret, "key", size)
	if u.suite == stdtls.TLS_CHACHA20_POLY1305_SHA256 {
		aead, err := chacha20poly1305.New(key)
		require.NoError(u.t, err)
		return aead
	}
	block, err := aes.NewCipher(key)
	require.NoError(u.t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(u.t, err)
	return aead
}

// expand is HKDF-Expand-Label (RFC 8446, section 7.1) without a context.
func (u *keyUpdater) expand(secret []byte, label string, size int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(size), byte(len(label))}, label...)
	sum := sha256.New
	if u.suite == stdtls.TLS_AES_256_GCM_SHA384 {
		sum = sha512.New384
	}
	key, err := hkdf.Expand(sum, secret, string(append(info, 0)), size)
	require.NoError(u.t, err)
	return key
}
