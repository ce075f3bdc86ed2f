//! Where networks are computed: on the host, or on a GPU of NVIDIA.
//!
//! A program that is linked with CUDA's libraries does not start where they are missing. So there are two: `fewave`, which
//! starts anywhere, and `fewave-cuda` (Cargo feature `cuda`). Asked for a GPU, `fewave` looks for the driver, the device and
//! the other program (`device/second.rs`), and then becomes it, with the same arguments; what is missing is an error that
//! says how to come by it.

#[cfg(feature = "cuda")]
mod linked;
#[cfg(not(feature = "cuda"))]
mod second;

use candle_core::Device;

use crate::cli::Global;
use crate::config::ConfigError;

/// A device as configurations and the command line name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Cpu,
    /// The GPU of this number, in the driver's order.
    Cuda(usize),
}

/// The device of a name: `cpu`, `cuda` (the first GPU) or `cuda:i`. In `fewave`, asking for a GPU that is there does not return:
/// `fewave-cuda` takes over.
///
/// # Errors
/// For a name that is none, and for a GPU where the driver, the device or the program for it is missing.
pub fn open(name: &str) -> anyhow::Result<Device> {
    match parse(name)? {
        Choice::Cpu => Ok(Device::Cpu),
        #[cfg(feature = "cuda")]
        Choice::Cuda(index) => linked::open(name, index),
        #[cfg(not(feature = "cuda"))]
        Choice::Cuda(index) => second::become_it(name, index).map(|never| match never {}),
    }
}

/// The device of the command line, the host if it names none.
///
/// # Errors
/// As [`open`].
pub fn or_cpu(global: &Global) -> anyhow::Result<Device> {
    open(global.device.as_deref().unwrap_or("cpu"))
}

fn parse(name: &str) -> Result<Choice, ConfigError> {
    let index = |text: &str| text.parse::<u16>().ok().map(usize::from);
    let choice = match name.split_once(':') {
        None if name == "cpu" => Some(Choice::Cpu),
        None if name == "cuda" => Some(Choice::Cuda(0)),
        Some(("cuda", number)) => index(number).map(Choice::Cuda),
        _ => None,
    };
    choice.ok_or_else(|| {
        ConfigError::Usage(format!(
            "device {name}: expected cpu or cuda[:i] with the number i of a GPU from 0, for example --device cuda:0"
        ))
    })
}

/// The error of a device that cannot be had, with what is missing and how to come by it.
fn missing(name: &str, what: impl std::fmt::Display) -> anyhow::Error {
    ConfigError::Usage(format!("device {name}: {what}, or use --device cpu")).into()
}

/// Refuses a device beyond those that are there.
fn check_index(name: &str, index: usize, count: usize) -> anyhow::Result<()> {
    match count {
        0 => Err(missing(
            name,
            "NVIDIA's driver is here, but finds no GPU; see what `nvidia-smi` lists and whether CUDA_VISIBLE_DEVICES hides it",
        )),
        _ if index < count => Ok(()),
        1 => Err(missing(
            name,
            format!("there is 1 device, asked for cuda:{index}; use cuda:0"),
        )),
        _ => Err(missing(
            name,
            format!(
                "there are {count} devices, asked for cuda:{index}; use cuda:0 to cuda:{}",
                count - 1
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_are_read_and_others_refused() {
        assert_eq!(parse("cpu").unwrap(), Choice::Cpu);
        assert_eq!(parse("cuda").unwrap(), Choice::Cuda(0));
        assert_eq!(parse("cuda:3").unwrap(), Choice::Cuda(3));
        for name in [
            "", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "CUDA", "cuda:0:1",
        ] {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains("cpu or cuda[:i]"), "{message}");
        }
    }

    #[test]
    fn an_index_beyond_the_devices_is_refused_with_their_number() {
        assert!(check_index("cuda:1", 1, 2).is_ok());
        let message = |index, count| {
            let refused = check_index(&format!("cuda:{index}"), index, count);
            refused.unwrap_err().to_string()
        };
        assert!(message(3, 2).contains("2 devices, asked for cuda:3; use cuda:0 to cuda:1"));
        assert!(message(1, 1).contains("1 device, asked for cuda:1; use cuda:0"));
        assert!(message(0, 0).contains("no GPU"));
    }
}
