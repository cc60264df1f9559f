//! The catalogue of services that Keystone sends with a token.

use serde_json::Value;

/// Address of the object store in a catalogue of version 3.
///
/// Without a region the first endpoint of the interface counts, as in OpenStack's own client.
pub(super) fn v3(
    catalogue: &Value,
    region: Option<&str>,
    interface: &str,
) -> Result<String, String> {
    let offers = services(catalogue)?.flat_map(|service| {
        list(&service["endpoints"]).map(|endpoint| Offer {
            region: text(&endpoint["region_id"]).or_else(|| text(&endpoint["region"])),
            interface: text(&endpoint["interface"]).unwrap_or_default(),
            url: text(&endpoint["url"]),
        })
    });
    choose(offers, region, interface)
}

/// Address of the object store in a catalogue of version 2.0.
pub(super) fn v2(
    catalogue: &Value,
    region: Option<&str>,
    interface: &str,
) -> Result<String, String> {
    let offers = services(catalogue)?.flat_map(|service| {
        list(&service["endpoints"]).flat_map(|endpoint| {
            ["public", "internal", "admin"].map(|interface| Offer {
                region: text(&endpoint["region"]),
                interface,
                url: text(&endpoint[format!("{interface}URL")]),
            })
        })
    });
    choose(offers, region, interface)
}

struct Offer<'a> {
    region: Option<&'a str>,
    interface: &'a str,
    url: Option<&'a str>,
}

fn choose<'a>(
    offers: impl Iterator<Item = Offer<'a>>,
    region: Option<&str>,
    interface: &str,
) -> Result<String, String> {
    let mut others = Vec::new();
    for offer in offers {
        let Some(url) = offer.url else { continue };
        let here = region.is_none_or(|region| offer.region == Some(region));
        if here && offer.interface == interface {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let other = format!("{} in {}", offer.interface, offer.region.unwrap_or("?"));
        if !others.contains(&other) {
            others.push(other);
        }
    }
    let wanted = region.map_or(String::new(), |region| format!(" in region {region}"));
    Err(format!(
        "the catalogue has no {interface} object store{wanted}; it has {}",
        if others.is_empty() {
            "none".to_owned()
        } else {
            others.join(", ")
        }
    ))
}

fn services(catalogue: &Value) -> Result<impl Iterator<Item = &Value>, String> {
    if !catalogue.is_array() {
        return Err("the token came without a catalogue: is the project missing?".to_owned());
    }
    Ok(list(catalogue).filter(|service| service["type"] == "object-store"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn region_and_interface_choose() {
        let endpoint = |region: &str, interface: &str| {
            json!({"region": region, "region_id": region, "interface": interface,
                   "url": format!("http://{region}/{interface}/")})
        };
        let catalogue = json!([
            {"type": "identity", "endpoints": [endpoint("One", "public")]},
            {"type": "object-store", "endpoints": [
                endpoint("One", "internal"), endpoint("One", "public"), endpoint("Two", "public")]},
        ]);
        let url = |region, interface| v3(&catalogue, region, interface);
        assert_eq!(url(Some("Two"), "public").unwrap(), "http://Two/public");
        assert_eq!(url(None, "public").unwrap(), "http://One/public");
        assert_eq!(url(None, "internal").unwrap(), "http://One/internal");
        let error = url(Some("Three"), "public").unwrap_err();
        assert!(error.contains("region Three") && error.contains("public in Two"));
        assert!(v3(&json!(null), None, "public").is_err());
        assert!(v3(&json!([]), None, "public").unwrap_err().contains("none"));
    }

    #[test]
    fn version_two_has_another_form() {
        let catalogue = json!([{"type": "object-store", "endpoints": [
            {"region": "One", "publicURL": "http://p", "adminURL": "http://a"}]}]);
        assert_eq!(v2(&catalogue, Some("One"), "public").unwrap(), "http://p");
        assert_eq!(v2(&catalogue, None, "admin").unwrap(), "http://a");
        assert!(v2(&catalogue, None, "internal").is_err());
    }
}
