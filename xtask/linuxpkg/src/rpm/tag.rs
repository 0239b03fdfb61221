//! Numbers of tags and flags that are written or read.
//!
//! Must not know: what becomes of them. Source: rpm's `include/rpm/rpmtag.h`,
//! `include/rpm/rpmds.h`, `include/rpm/rpmfiles.h`.

#![allow(missing_docs, reason = "the names are rpm's own")]

// The first entries of a signature and of a header.
pub const SIGNATURE_REGION: u32 = 62;
pub const HEADER_REGION: u32 = 63;

// Of a signature.
pub const SIG_DSA: u32 = 267;
pub const SIG_RSA: u32 = 268;
pub const SIG_SHA1: u32 = 269;
pub const SIG_LONG_SIZE: u32 = 270;
pub const SIG_LONG_PAYLOAD_SIZE: u32 = 271;
pub const SIG_SHA256: u32 = 273;
pub const SIG_OPENPGP: u32 = 278;
pub const SIG_SHA3_256: u32 = 279;
pub const SIG_SIZE: u32 = 1000;
pub const SIG_PGP: u32 = 1002;
pub const SIG_MD5: u32 = 1004;
pub const SIG_GPG: u32 = 1005;
pub const SIG_PAYLOAD_SIZE: u32 = 1007;

// Of a header.
pub const I18N_TABLE: u32 = 100;
pub const NAME: u32 = 1000;
pub const VERSION: u32 = 1001;
pub const RELEASE: u32 = 1002;
pub const EPOCH: u32 = 1003;
pub const SUMMARY: u32 = 1004;
pub const DESCRIPTION: u32 = 1005;
pub const BUILD_TIME: u32 = 1006;
pub const BUILD_HOST: u32 = 1007;
pub const SIZE: u32 = 1009;
pub const VENDOR: u32 = 1011;
pub const LICENSE: u32 = 1014;
pub const PACKAGER: u32 = 1015;
pub const GROUP: u32 = 1016;
pub const URL: u32 = 1020;
pub const OS: u32 = 1021;
pub const ARCH: u32 = 1022;
pub const PRE: u32 = 1023;
pub const POST: u32 = 1024;
pub const PREUN: u32 = 1025;
pub const POSTUN: u32 = 1026;
pub const FILE_SIZES: u32 = 1028;
pub const FILE_MODES: u32 = 1030;
pub const FILE_SPECIAL_DEVICES: u32 = 1033;
pub const FILE_TIMES: u32 = 1034;
pub const FILE_DIGESTS: u32 = 1035;
pub const FILE_LINKS: u32 = 1036;
pub const FILE_FLAGS: u32 = 1037;
pub const FILE_USERS: u32 = 1039;
pub const FILE_GROUPS: u32 = 1040;
pub const SOURCE_RPM: u32 = 1044;
pub const FILE_VERIFY_FLAGS: u32 = 1045;
pub const PROVIDE_NAMES: u32 = 1047;
pub const REQUIRE_FLAGS: u32 = 1048;
pub const REQUIRE_NAMES: u32 = 1049;
pub const REQUIRE_VERSIONS: u32 = 1050;
pub const CONFLICT_FLAGS: u32 = 1053;
pub const CONFLICT_NAMES: u32 = 1054;
pub const CONFLICT_VERSIONS: u32 = 1055;
pub const CHANGE_TIMES: u32 = 1080;
pub const CHANGE_NAMES: u32 = 1081;
pub const CHANGE_TEXTS: u32 = 1082;
pub const PRE_PROGRAM: u32 = 1085;
pub const POST_PROGRAM: u32 = 1086;
pub const PREUN_PROGRAM: u32 = 1087;
pub const POSTUN_PROGRAM: u32 = 1088;
pub const OBSOLETE_NAMES: u32 = 1090;
pub const TRIGGER_SCRIPTS: u32 = 1065;
pub const FILE_DEVICES: u32 = 1095;
pub const FILE_INODES: u32 = 1096;
pub const FILE_LANGUAGES: u32 = 1097;
pub const PROVIDE_FLAGS: u32 = 1112;
pub const PROVIDE_VERSIONS: u32 = 1113;
pub const OBSOLETE_FLAGS: u32 = 1114;
pub const OBSOLETE_VERSIONS: u32 = 1115;
pub const FOLDER_INDEXES: u32 = 1116;
pub const BASE_NAMES: u32 = 1117;
pub const FOLDER_NAMES: u32 = 1118;
pub const PAYLOAD_FORMAT: u32 = 1124;
pub const PAYLOAD_COMPRESSOR: u32 = 1125;
pub const PAYLOAD_FLAGS: u32 = 1126;
pub const PRETRANS: u32 = 1151;
pub const POSTTRANS: u32 = 1152;
pub const PRETRANS_PROGRAM: u32 = 1153;
pub const POSTTRANS_PROGRAM: u32 = 1154;
pub const LONG_FILE_SIZES: u32 = 5008;
pub const FILE_DIGEST_ALGORITHM: u32 = 5011;
pub const RECOMMEND_NAMES: u32 = 5046;
pub const RECOMMEND_VERSIONS: u32 = 5047;
pub const RECOMMEND_FLAGS: u32 = 5048;
pub const SUGGEST_NAMES: u32 = 5049;
pub const SUGGEST_VERSIONS: u32 = 5050;
pub const SUGGEST_FLAGS: u32 = 5051;
pub const ENCODING: u32 = 5062;
pub const FILE_TRIGGER_SCRIPTS: u32 = 5066;
pub const TRANS_FILE_TRIGGER_SCRIPTS: u32 = 5076;
pub const PREUNTRANS: u32 = 5104;
pub const POSTUNTRANS: u32 = 5105;
pub const PAYLOAD_SHA256: u32 = 5092;
pub const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
pub const PAYLOAD_SHA256_PLAIN: u32 = 5097;

// Of relations.
pub const LESS: u32 = 1 << 1;
pub const GREATER: u32 = 1 << 2;
pub const EQUAL: u32 = 1 << 3;
pub const POSTTRANS_NEEDS: u32 = 1 << 5;
pub const INTERPRETER: u32 = 1 << 8;
pub const PRE_NEEDS: u32 = 1 << 9;
pub const POST_NEEDS: u32 = 1 << 10;
pub const PREUN_NEEDS: u32 = 1 << 11;
pub const POSTUN_NEEDS: u32 = 1 << 12;
pub const RPMLIB: u32 = 1 << 24;

// Of files.
pub const FILE_IS_CONFIG: u32 = 1;
pub const FILE_IS_DOCUMENT: u32 = 1 << 1;
pub const FILE_IS_GHOST: u32 = 1 << 6;
pub const FILE_IS_LICENSE: u32 = 1 << 7;

// Digests (RFC 9580's numbers).
pub const MD5: u32 = 1;
pub const SHA1: u32 = 2;
pub const SHA256: u32 = 8;
