//! `[realms.NAME.auth]`: who may enter a realm.

use crate::auth::{CertificateName, ChannelBinding, JwtAlgorithm, SameSite, ThrottleSettings};
use crate::config::read::table;
use crate::config::values::{choice, Count, Items, Named, NoneOr, ProcedureUri, Rate, SecretPlace, Time, WebUrl};
use std::time::Duration;

table! {
    /// Who may enter a realm.
    Auth {
        /// Clients without a proof.
        anonymous: Option<Anonymous> = optional("{ role = \"guest\" }");
        /// Users with a shared secret that is sent as it is.
        ticket: Option<Ticket> = optional("{}");
        /// Users with a shared secret that signs a challenge (WAMP-CRA).
        wampcra: Option<WampCra> = optional("{}");
        /// Users with a password that both sides prove to know (WAMP-SCRAM).
        scram: Option<Scram> = optional("{}");
        /// Users with a key pair that signs a challenge.
        cryptosign: Option<Cryptosign> = optional("{}");
        /// Clients with a JSON Web Token: Bearer over HTTP, and the answer to the methods jwt and ticket.
        jwt: Option<Jwt> = optional("{ issuer = \"https://id.example\", audience = \"shop\", jwks_file = \"jwks.json\", role_fixed = \"guest\" }");
        /// Clients with a certificate, on listeners with `tls.client_auth`.
        tls: Option<CertificateAuth> = optional("{ role = \"guest\" }");
        /// Procedures and addresses that are asked, in the order of their names, for authids that none of the users above has.
        dynamic: Named<DynamicAuth> = default(Named::default());
        /// Browsers whose users have proven before who they are, on WebSocket.
        cookie: Option<Cookie> = optional("{}");
        /// Logins that take two proofs.
        second: Option<SecondProof> = optional("{ after = [\"wampcra\"], method = \"cryptosign\" }");
        /// For clients that name no method: the first of these that is possible with what their transport brings along (tls,
        /// cookie, anonymous). For all others their own order counts.
        order: Items<OrderedMethod> = default(OrderedMethod::ALL.iter().copied().collect());
        /// How many wrong proofs are taken; right ones cost nothing.
        throttle: Throttle = default(Throttle::default());
    }
}

table! {
    /// A procedure or an address that knows who may enter: it is asked with realm, authid and details, and gives what Crossbar's
    /// dynamic authenticators give.
    DynamicAuth {
        /// For which methods it is asked: ticket, wampcra, wamp-scram, scram (as Autobahn|Python speaks it), cryptosign.
        methods: Items<DynamicMethod> = required;
        /// The procedure.
        procedure: Option<ProcedureUri> = optional("\"com.example.authenticate\"");
        /// In place of it: an address, https or on this host, that is posted {"realm", "authid", "details"} as JSON and answers 200
        /// with a role or a dict, or 401 or 403.
        http: Option<WebUrl> = optional("\"https://id.example/wamp\"");
        /// A file with the authorities, in PEM, that alone are trusted to sign the certificate of that address; if absent, those
        /// of the system.
        ca: Option<String> = optional("\"authority.pem\"");
        /// Where the token is that the address is sent as Authorization: Bearer, so that it knows who asks.
        token: Option<SecretPlace> = optional("{ env = \"AUTHENTICATOR_TOKEN\" }");
        /// The name of the realm where it is registered; if absent, this one.
        realm: Option<String> = optional("\"main\"");
        /// How long an answer may take.
        timeout: Time<100> = default(Time(Duration::from_secs(3)));
        /// How long an answer that asks for it ("cache": true) is remembered, for the same proof of the same identity.
        cache: NoneOr<Time<1>> = default(NoneOr(None));
        /// HTTP headers with credentials (Authorization, Cookie) that are handed on; the others always are.
        forward_headers: Items<String> = default(Items::default());
    }
}

/// A method for which somebody can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum DynamicMethod {
    Ticket,
    WampCra,
    WampScram,
    Scram,
    Cryptosign,
}

choice!(DynamicMethod {
    "ticket" => DynamicMethod::Ticket,
    "wampcra" => DynamicMethod::WampCra,
    "wamp-scram" => DynamicMethod::WampScram,
    "scram" => DynamicMethod::Scram,
    "cryptosign" => DynamicMethod::Cryptosign,
});

table! {
    /// Who logs in by one method must also pass another one, which is nothing by itself then. HELLO lists both.
    SecondProof {
        /// The methods that do not suffice: ticket, wampcra, scram (both kinds), cryptosign, jwt (also a token that is sent as a
        /// ticket).
        after: Items<FirstMethod> = required;
        /// What is asked for then, of the same authid: ticket, wampcra, scram or cryptosign, or tls (a client certificate, for
        /// which nothing more is asked).
        method: SecondMethod = required;
        /// The roles that need it, by the first proof; empty for all.
        roles: Items<String> = default(Items::default());
    }
}

/// A method that does not suffice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum FirstMethod {
    Ticket,
    WampCra,
    Scram,
    Cryptosign,
    Jwt,
}

/// A method that is asked for besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::config) enum SecondMethod {
    Ticket,
    WampCra,
    Scram,
    #[default]
    Cryptosign,
    Tls,
}

table! {
    /// How many wrong proofs are taken; then a try is refused without being looked at.
    Throttle {
        /// For one authid from one network (/24 of IPv4, /48 of IPv6), at once.
        per_authid: Count = default(Count(ThrottleSettings::default().per_authid));
        /// And then.
        per_authid_refill: Rate = default(Rate(ThrottleSettings::default().per_authid_refill));
        /// From one address, at once.
        per_ip: Count = default(Count(ThrottleSettings::default().per_ip));
        /// And then.
        per_ip_refill: Rate = default(Rate(ThrottleSettings::default().per_ip_refill));
    }
}

table! {
    /// Clients with a certificate, which the listener has verified.
    CertificateAuth {
        /// Which name in it is the authid: subject.cn, san.dns, san.uri, san.email or sha256 (of the certificate, in hex).
        authid: CertificateName = default(CertificateName::default());
        /// Their role.
        role: String = required;
    }
}

table! {
    /// Browsers that are remembered: every WebSocket upgrade is answered with a cookie, and who proves himself there is let in
    /// by it (method cookie) from then on. GOODBYE wamp.close.logout forgets him.
    Cookie {
        /// The cookie's name.
        name: String = default("wharf".to_owned());
        /// How long a browser is remembered after a proof.
        max_age: Time<1000> = default(Time(Duration::from_secs(7 * 86_400)));
        /// Which pages may use it: strict (of the same site), lax or none (all; browsers want TLS then).
        same_site: SameSite = default(SameSite::default());
    }
}

/// A method in `order`; scram is both methods of that kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum OrderedMethod {
    Cryptosign,
    Scram,
    WampCra,
    Ticket,
    Jwt,
    Tls,
    Cookie,
    Anonymous,
}

impl OrderedMethod {
    const ALL: &'static [Self] = &[
        Self::Cryptosign,
        Self::Scram,
        Self::WampCra,
        Self::Ticket,
        Self::Jwt,
        Self::Tls,
        Self::Cookie,
        Self::Anonymous,
    ];
}

table! {
    /// Clients with a token that somebody trusted has signed. Its signature, iss, aud, exp and nbf are checked.
    Jwt {
        /// What iss must be.
        issuer: String = required;
        /// What aud must be, or have among its entries.
        audience: String = required;
        /// Where the secret is that tokens are signed with, of 32 octets or more.
        key: Option<SecretPlace> = optional("{ env = \"JWT_KEY\" }");
        /// In place of it: a file with one public key in PEM. It is read again when it changes.
        public_key_file: Option<String> = optional("\"issuer.pem\"");
        /// In place of it: a file with a set of public keys (JWKS). It is read again when it changes.
        jwks_file: Option<String> = optional("\"jwks.json\"");
        /// In place of it: the address of a set of public keys (JWKS), https or on this host. It is fetched at the start, as its
        /// Cache-Control says (else every 10 minutes), and for a token whose key is not known, every 30 seconds at most.
        jwks_url: Option<WebUrl> = optional("\"https://id.example/jwks.json\"");
        /// A file with the authorities, in PEM, that alone are trusted to sign the certificate of that address; if absent, those
        /// of the system.
        ca: Option<String> = optional("\"authority.pem\"");
        /// The algorithms that are taken: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA. If
        /// absent, HS256 with a secret, and RS256, ES256 and EdDSA with public keys.
        algorithms: Option<Items<JwtAlgorithm>> = optional("[\"RS256\"]");
        /// The claim that is the authid.
        authid: String = default("sub".to_owned());
        /// The claim that is the role: a text, or a list of texts, of which the one counts that comes first in allowed_roles.
        role: Option<String> = optional("\"wamp_role\"");
        /// In place of it: the role of all.
        role_fixed: Option<String> = optional("\"guest\"");
        /// The roles that the claim may give.
        allowed_roles: Items<String> = default(Items::default());
        /// How far the clocks may differ.
        leeway: Time<0> = default(Time(Duration::from_secs(30)));
    }
}

table! {
    /// Clients without a proof.
    Anonymous {
        /// Their role.
        role: String = required;
        /// Names of the listeners where they may enter; empty for all.
        listeners: Items<String> = default(Items::default());
        /// Also REST callers without credentials.
        http: bool = default(false);
    }
}

table! {
    /// Users with a shared secret that is sent as it is.
    Ticket {
        /// The users, by authid.
        users: Named<TicketUser> = default(Named::default());
    }
}

table! {
    /// One user with a ticket.
    TicketUser {
        /// Where the ticket is: an environment variable or a file.
        ticket: Option<SecretPlace> = optional("{ env = \"JOE_TICKET\" }");
        /// In place of the ticket: its argon2id hash, made by `wharf hash-secret ticket`, or where that is.
        hash: Option<SecretPlace> = optional("{ env = \"JOE_HASH\" }");
        /// The user's role.
        role: String = required;
        /// Whether the user may log in. One who may not is answered as if there were no such user; open sessions end.
        enabled: bool = default(true);
    }
}

table! {
    /// Users with a shared secret that signs a challenge (WAMP-CRA).
    WampCra {
        /// The users, by authid.
        users: Named<WampCraUser> = default(Named::default());
    }
}

table! {
    /// One user with a secret that signs, or with a key derived from one.
    WampCraUser {
        /// Where the secret is: an environment variable or a file.
        secret: Option<SecretPlace> = optional("{ env = \"JOE_SECRET\" }");
        /// In place of the secret: where the derived key is, made by `wharf hash-secret wampcra`.
        key: Option<SecretPlace> = optional("{ env = \"JOE_KEY\" }");
        /// The salt that the key was derived with.
        salt: Option<String> = optional("\"8c7fa1\"");
        /// The rounds of PBKDF2 that the key was derived with.
        iterations: Count = default(Count(100_000));
        /// The octets of the derived key.
        keylen: Count = default(Count(32));
        /// The user's role.
        role: String = required;
        /// Whether the user may log in. One who may not is answered as if there were no such user; open sessions end.
        enabled: bool = default(true);
    }
}

table! {
    /// Users with a password that both sides prove to know (WAMP-SCRAM).
    Scram {
        /// Also offer the method "scram" as Autobahn|Python speaks it, to users with a record for it.
        autobahn_dialect: bool = default(false);
        /// The users, by authid.
        users: Named<ScramUser> = default(Named::default());
    }
}

table! {
    /// One user with a password.
    ScramUser {
        /// Where the record of the password is, made by `wharf hash-secret scram`; one more line for the other method.
        verifier: SecretPlace = required;
        /// The user's role.
        role: String = required;
        /// Whether the user may log in. One who may not is answered as if there were no such user; open sessions end.
        enabled: bool = default(true);
    }
}

table! {
    /// Users with a key pair that signs a challenge.
    Cryptosign {
        /// Whether logins are bound to their TLS connection (tls-exporter): off, optional (if the client asks) or required.
        channel_binding: ChannelBinding = default(ChannelBinding::Optional);
        /// Where the router's own private key is, made by `wharf keygen`; without it the router cannot prove itself.
        key: Option<SecretPlace> = optional("{ env = \"ROUTER_KEY\" }");
        /// The users, by authid.
        users: Named<CryptosignUser> = default(Named::default());
    }
}

table! {
    /// One user with public keys.
    CryptosignUser {
        /// The public keys, of 64 hexadecimal digits each.
        keys: Items<String> = required;
        /// The user's role.
        role: String = required;
        /// Whether the user may log in. One who may not is answered as if there were no such user; open sessions end.
        enabled: bool = default(true);
    }
}

choice!(ChannelBinding {
    "off" => ChannelBinding::Off,
    "optional" => ChannelBinding::Optional,
    "required" => ChannelBinding::Required,
});

choice!(SameSite {
    "strict" => SameSite::Strict,
    "lax" => SameSite::Lax,
    "none" => SameSite::None,
});

choice!(FirstMethod {
    "ticket" => FirstMethod::Ticket,
    "wampcra" => FirstMethod::WampCra,
    "scram" => FirstMethod::Scram,
    "cryptosign" => FirstMethod::Cryptosign,
    "jwt" => FirstMethod::Jwt,
});

choice!(SecondMethod {
    "ticket" => SecondMethod::Ticket,
    "wampcra" => SecondMethod::WampCra,
    "scram" => SecondMethod::Scram,
    "cryptosign" => SecondMethod::Cryptosign,
    "tls" => SecondMethod::Tls,
});

choice!(OrderedMethod {
    "cryptosign" => OrderedMethod::Cryptosign,
    "scram" => OrderedMethod::Scram,
    "wampcra" => OrderedMethod::WampCra,
    "ticket" => OrderedMethod::Ticket,
    "jwt" => OrderedMethod::Jwt,
    "tls" => OrderedMethod::Tls,
    "cookie" => OrderedMethod::Cookie,
    "anonymous" => OrderedMethod::Anonymous,
});

choice!(JwtAlgorithm {
    "HS256" => JwtAlgorithm::Hs256,
    "HS384" => JwtAlgorithm::Hs384,
    "HS512" => JwtAlgorithm::Hs512,
    "RS256" => JwtAlgorithm::Rs256,
    "RS384" => JwtAlgorithm::Rs384,
    "RS512" => JwtAlgorithm::Rs512,
    "PS256" => JwtAlgorithm::Ps256,
    "PS384" => JwtAlgorithm::Ps384,
    "PS512" => JwtAlgorithm::Ps512,
    "ES256" => JwtAlgorithm::Es256,
    "ES384" => JwtAlgorithm::Es384,
    "EdDSA" => JwtAlgorithm::EdDsa,
});

choice!(CertificateName {
    "subject.cn" => CertificateName::SubjectCn,
    "san.dns" => CertificateName::SanDns,
    "san.uri" => CertificateName::SanUri,
    "san.email" => CertificateName::SanEmail,
    "sha256" => CertificateName::Sha256,
});
