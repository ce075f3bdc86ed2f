//! The keys of a scheme as a config or a checkpoint writes them; [`Scheme`] is what remains after they have been checked.

use serde::{Deserialize, Serialize};

use super::flattened::Flattened;
use super::fresh::{Bands, Domain, Fresh, Transform};
use super::one_way::{Form, OneWay};
use super::structured::{Permutations, Structured};
use super::{Scheme, setting};
use crate::{Result, SurrogateError};

/// One kind of scheme and its keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum SchemeKeys {
    Dense {},
    OneWay {
        form: Form,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank_ratio: Option<f64>,
    },
    Flattened(Flattened),
    Structured {
        #[serde(default)]
        ternary: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        permutations: Option<Vec<String>>,
        #[serde(default)]
        seed: u64,
    },
    Fresh {
        #[serde(default = "usual_compression")]
        compression: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bands: Option<BandsKey>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alpha: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beta: Option<f64>,
        #[serde(default)]
        transform: Transform,
        #[serde(default)]
        seed: u64,
    },
}

/// The word of key `bands`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BandsKey {
    Beta,
    Equal,
}

fn usual_compression() -> f64 {
    Fresh::default().compression
}

impl TryFrom<SchemeKeys> for Scheme {
    type Error = SurrogateError;

    fn try_from(keys: SchemeKeys) -> Result<Self> {
        match keys {
            SchemeKeys::Dense {} => Ok(Self::Dense),
            SchemeKeys::OneWay {
                form,
                rank,
                rank_ratio,
            } => Ok(Self::OneWay(OneWay::from_keys(form, rank, rank_ratio)?)),
            SchemeKeys::Flattened(scheme) => {
                scheme.check()?;
                Ok(Self::Flattened(scheme))
            }
            SchemeKeys::Structured {
                ternary,
                permutations,
                seed,
            } => Ok(Self::Structured(Structured {
                ternary,
                permutations: permutations
                    .map(|texts| Permutations::parse(&texts))
                    .transpose()?,
                seed,
            })),
            SchemeKeys::Fresh {
                compression,
                bands,
                alpha,
                beta,
                transform,
                seed,
            } => {
                let scheme = Fresh {
                    compression,
                    domain: domain(transform, bands, alpha, beta)?,
                    seed,
                };
                scheme.check()?;
                Ok(Self::Fresh(scheme))
            }
        }
    }
}

/// What is hashed, from keys of which some exclude others.
fn domain(
    transform: Transform,
    bands: Option<BandsKey>,
    alpha: Option<f64>,
    beta: Option<f64>,
) -> Result<Domain> {
    let curve = [("scheme.alpha", alpha), ("scheme.beta", beta)];
    let given = curve
        .iter()
        .find_map(|(key, value)| Some((*key, (*value)?)));
    match (transform, bands, given) {
        (Transform::None, Some(_), _) => Err(setting(
            "scheme.bands",
            "it beside transform = \"none\"",
            "it beside transform = \"dct\" only: without a transform there are no bands",
            "remove one of the keys",
        )),
        (Transform::None, None, Some((key, value))) => Err(setting(
            key,
            format!("{value} beside transform = \"none\""),
            "it beside transform = \"dct\" only: without a transform there are no bands",
            "remove one of the keys",
        )),
        (Transform::Dct, Some(BandsKey::Equal), Some((key, value))) => Err(setting(
            key,
            format!("{value} beside bands = \"equal\""),
            "it beside bands = \"beta\" only",
            "remove one of the keys",
        )),
        (Transform::None, None, None) => Ok(Domain::Weights),
        (Transform::Dct, Some(BandsKey::Equal), None) => Ok(Domain::Frequency(Bands::Equal)),
        (Transform::Dct, Some(BandsKey::Beta) | None, _) => Ok(Domain::Frequency(Bands::Beta {
            alpha: alpha.unwrap_or(Bands::ALPHA),
            beta: beta.unwrap_or(Bands::BETA),
        })),
    }
}

impl From<Scheme> for SchemeKeys {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Dense => Self::Dense {},
            Scheme::OneWay(OneWay { form, rank }) => {
                let (rank, rank_ratio) = rank.keys();
                Self::OneWay {
                    form,
                    rank,
                    rank_ratio,
                }
            }
            Scheme::Flattened(scheme) => Self::Flattened(scheme),
            Scheme::Structured(scheme) => Self::Structured {
                ternary: scheme.ternary,
                permutations: scheme.permutations.map(|given| given.texts()),
                seed: scheme.seed,
            },
            Scheme::Fresh(scheme) => {
                let (transform, bands, alpha, beta) = match scheme.domain {
                    Domain::Weights => (Transform::None, None, None, None),
                    Domain::Frequency(Bands::Equal) => {
                        (Transform::Dct, Some(BandsKey::Equal), None, None)
                    }
                    Domain::Frequency(Bands::Beta { alpha, beta }) => (
                        Transform::Dct,
                        Some(BandsKey::Beta),
                        Some(alpha),
                        Some(beta),
                    ),
                };
                Self::Fresh {
                    compression: scheme.compression,
                    bands,
                    alpha,
                    beta,
                    transform,
                    seed: scheme.seed,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_way::Rank;
    use super::*;

    fn parse(text: &str) -> std::result::Result<Scheme, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_the_keys_that_configs_write() {
        assert_eq!(parse(r#"{"kind":"dense"}"#), Ok(Scheme::Dense));
        let filter = Scheme::OneWay(OneWay {
            form: Form::Filter,
            rank: Rank::Fixed(1),
        });
        assert_eq!(parse(r#"{"kind":"one-way","form":"filter"}"#), Ok(filter));
        let layer = Scheme::OneWay(OneWay {
            form: Form::Layer,
            rank: Rank::Ratio(0.5),
        });
        assert_eq!(
            parse(r#"{"kind":"one-way","form":"layer","rank_ratio":0.5}"#),
            Ok(layer)
        );
        let flattened = |chains, inner_bias| Scheme::Flattened(Flattened { chains, inner_bias });
        let fresh = |compression, domain, seed| {
            Scheme::Fresh(Fresh {
                compression,
                domain,
                seed,
            })
        };
        let structured = |ternary, texts: Option<[&str; 2]>, seed| {
            let permutations = texts.map(|texts| Permutations::parse(&texts.map(str::to_owned)));
            Scheme::Structured(Structured {
                ternary,
                permutations: permutations.transpose().unwrap(),
                seed,
            })
        };
        let beta = |alpha, beta| Domain::Frequency(Bands::Beta { alpha, beta });
        let cases = [
            (r#"{"kind":"flattened"}"#, flattened(2, true)),
            (
                r#"{"kind":"flattened","chains":1,"inner_bias":false}"#,
                flattened(1, false),
            ),
            (r#"{"kind":"structured"}"#, structured(false, None, 0)),
            (
                r#"{"kind":"structured","ternary":true,"seed":7}"#,
                structured(true, None, 7),
            ),
            (
                r#"{"kind":"structured","permutations":["1230","2301"]}"#,
                structured(false, Some(["1230", "2301"]), 0),
            ),
            (r#"{"kind":"fresh"}"#, Scheme::Fresh(Fresh::default())),
            (
                r#"{"kind":"fresh","compression":4,"beta":2.0,"seed":3}"#,
                fresh(4.0, beta(1.0, 2.0), 3),
            ),
            (
                r#"{"kind":"fresh","bands":"equal"}"#,
                fresh(16.0, Domain::Frequency(Bands::Equal), 0),
            ),
            (
                r#"{"kind":"fresh","transform":"none"}"#,
                fresh(16.0, Domain::Weights, 0),
            ),
        ];
        for (text, scheme) in cases {
            assert_eq!(parse(text), Ok(scheme));
        }
        let schemes = [Scheme::Dense, filter, layer].into_iter();
        for scheme in schemes.chain(cases.map(|(_, scheme)| scheme)) {
            assert_eq!(parse(&serde_json::to_string(&scheme).unwrap()), Ok(scheme));
        }
    }

    #[test]
    fn refuses_keys_that_cannot_work() {
        for (text, named) in [
            (r#"{"kind":"dense","rank":1}"#, "rank"),
            (r#"{"kind":"sparse"}"#, "sparse"),
            (r#"{"kind":"one-way"}"#, "form"),
            (r#"{"kind":"one-way","form":"tucker"}"#, "tucker"),
            (
                r#"{"kind":"one-way","form":"filter","rank":0}"#,
                "rank: found 0",
            ),
            (r#"{"kind":"one-way","form":"filter","ranks":1}"#, "ranks"),
            (
                r#"{"kind":"one-way","form":"filter","rank_ratio":0.5}"#,
                "rank_ratio",
            ),
            (
                r#"{"kind":"one-way","form":"layer","rank":2,"rank_ratio":0.5}"#,
                "both",
            ),
            (
                r#"{"kind":"one-way","form":"layer","rank_ratio":0.0}"#,
                "rank_ratio: found 0",
            ),
            (
                r#"{"kind":"one-way","form":"layer","rank_ratio":-1.0}"#,
                "rank_ratio: found -1",
            ),
            (r#"{"kind":"flattened","chains":3}"#, "chains: found 3"),
            (r#"{"kind":"flattened","chain":1}"#, "chain"),
            (
                r#"{"kind":"structured","permutations":["1230","1023"]}"#,
                "do not commute",
            ),
            (r#"{"kind":"structured","permutations":["123"]}"#, "\"123\""),
            (
                r#"{"kind":"structured","permutations":[]}"#,
                "0 permutations",
            ),
            (
                r#"{"kind":"fresh","compression":0.5}"#,
                "compression: found 0.5",
            ),
            (r#"{"kind":"fresh","alpha":0}"#, "alpha: found 0"),
            (
                r#"{"kind":"fresh","bands":"equal","beta":2}"#,
                "bands = \"equal\"",
            ),
            (
                r#"{"kind":"fresh","transform":"none","bands":"beta"}"#,
                "no bands",
            ),
            (
                r#"{"kind":"fresh","transform":"none","alpha":2}"#,
                "no bands",
            ),
            (r#"{"kind":"fresh","bands":"octaves"}"#, "octaves"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
