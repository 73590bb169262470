//! Where machines are: a site of the estate, or a part of Azure.

/// Where machines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// A site of the estate, by its number in the scenario file.
    Site(u32),
    /// Azure's public endpoints: storage, the Site Recovery service, the portal.
    AzurePublic,
    /// The virtual network in Azure.
    AzureVnet,
    /// The isolated network of test failovers: its machines reach each other, and no link leads out of it.
    AzureIsolated,
}

/// The parts of Azure, as messages call them; sites come behind them.
const AZURE: [&str; 3] = ["azure", "azure-vnet", "the network of test failovers"];

impl Zone {
    /// The names of all zones of an estate with these sites, by their numbers in the world.
    #[must_use]
    pub fn names(sites: &[String]) -> Vec<String> {
        let azure = AZURE.iter().map(|name| (*name).to_owned());
        azure.chain(sites.iter().cloned()).collect()
    }
}

impl From<Zone> for sim::spec::Zone {
    fn from(zone: Zone) -> sim::spec::Zone {
        sim::spec::Zone(match zone {
            Zone::AzurePublic => 0,
            Zone::AzureVnet => 1,
            Zone::AzureIsolated => 2,
            Zone::Site(site) => AZURE.len() as u32 + site,
        })
    }
}
