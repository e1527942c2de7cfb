//! How long things are kept, and the service's own name.

use super::*;

#[test]
fn alerts_and_retention_have_bounds() {
    let text = r#"[alerts]
check_ms = 10
every_ms = 10
[retention]
every_ms = 10
payload_age_ms = 10
record_age_ms = 691_200_000
payload_bytes_max = 10
[store]
disk_free_bytes_min = 2_000_000_000_000_000
"#;
    assert_eq!(
        told(SETTINGS, text),
        "config/hookyard.toml:2: error[HY0010]: `check_ms` is 10 ms\n    remedy: write a number from 1000 ms (1 s) to \
         86400000 ms (1 d)\n\
         config/hookyard.toml:3: error[HY0010]: `every_ms` is 10 ms\n    remedy: write a number from 1000 ms (1 s) to \
         604800000 ms (7 d)\n\
         config/hookyard.toml:5: error[HY0010]: `every_ms` is 10 ms\n    remedy: write a number from 1000 ms (1 s) to \
         86400000 ms (1 d)\n\
         config/hookyard.toml:6: error[HY0010]: `payload_age_ms` is 10 ms\n    remedy: write a number from 60000 ms (1 \
         min) to 316224000000 ms (3660 d)\n\
         config/hookyard.toml:7: error[HY0010]: `record_age_ms` is 691200000 ms (8 d)\n    remedy: write a number from \
         864000000 ms (10 d) to 316224000000 ms (3660 d)\n\
         config/hookyard.toml:8: error[HY0010]: `payload_bytes_max` is 10 bytes\n    remedy: write a number from \
         1048576 bytes (1 MiB) to 1125899906842624 bytes (1048576 GiB)\n\
         config/hookyard.toml:10: error[HY0010]: `disk_free_bytes_min` is 2000000000000000 bytes (1953125000000 KiB)\n    remedy: write a \
         number from 0 bytes to 1125899906842624 bytes (1048576 GiB)"
    );
}

#[test]
fn a_payload_is_not_kept_longer_than_its_record() {
    let longer = "config/hookyard.toml:2: error[HY0010]: `payload_age_ms` is longer than `record_age_ms`: a payload goes \
                  with its record at the latest\n    remedy: shorten the one or lengthen the other";
    assert_eq!(told(SETTINGS, "[retention]\npayload_age_ms = 7_776_000_001\n"), longer);
    let source = |retention: &str| {
        let text = format!(
            "[source.a]\nscheme = \"generic\"\nsecrets = [\"${{A}}\"]\nretention = {{ {retention} }}\n"
        );
        told(SOURCES, &text)
    };
    assert_eq!(source("payload_age_ms = 60_000"), "");
    assert_eq!(source("payload_age_ms = 7_776_000_000, record_age_ms = 8_000_000_000"), "");
    assert!(
        source("record_age_ms = 864_000_000").contains(
            "config/sources.toml:4: error[HY0010]: `payload_age_ms` is longer than `record_age_ms`"
        )
    );
    assert!(source("record_age_ms = 863_999_999").contains("`record_age_ms` is 863999999 ms"));
}

#[test]
fn sources_have_bounds_and_names_of_their_own() {
    let text = "[source.hookyard]\nscheme = \"generic\"\nsecrets = [\"${A}\"]\nsilence_ms = 1_000\n\
                authserv_id = \" \"\n";
    assert_eq!(
        told(SOURCES, text),
        "config/sources.toml:1: error[HY0011]: `hookyard` is the source of the service's own events\n    remedy: give \
         the source another name\n\
         config/sources.toml:4: error[HY0010]: `silence_ms` is 1000 ms (1 s)\n    remedy: write a number from 60000 ms (1 \
         min) to 31622400000 ms (366 d)\n\
         config/sources.toml:5: error[HY0012]: `authserv_id` is empty\n    remedy: write the first word of the header \
         Authentication-Results that your mail server adds"
    );
}
