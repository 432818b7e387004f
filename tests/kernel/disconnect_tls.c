/* SPDX-License-Identifier: MIT */
/* Whether connect(AF_UNSPEC) also ends a connection whose TLS is in the kernel. */
#include "fact.h"
#include <linux/tls.h>

int main(void)
{
	struct pair pair = connected(0);
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = {.version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};
	struct linger abort = {1, 0};

	if (setsockopt(pair.near, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") < 0) {
		skip("connect(AF_UNSPEC) with TLS in the kernel", "TCP_ULP: %s", error_name(errno));
		return 0;
	}
	if (setsockopt(pair.near, SOL_TLS, TLS_TX, &keys, sizeof keys) < 0)
		die("TLS_TX");
	note("connect(AF_UNSPEC) with TLS in the kernel", "%s", said(disconnect(pair.near), 0));
	setsockopt(pair.near, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	close(pair.near);
	fact("  and the peer after SO_LINGER {1, 0} and close", "ECONNRESET", "%s", said(receive_byte(pair.far), 1));
	return 0;
}
