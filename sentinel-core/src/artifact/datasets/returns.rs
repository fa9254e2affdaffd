//! Rows from the returns of a window.

use super::cell::Digits;
use super::rows::{ApyRow, EpochRow};
use crate::apy::{EpochState, Generation, Observation, Pool, SharePrice, Shares, Spot, WindowReturn};
use crate::subnet::metagraph::{Metagraph, Neuron};
use crate::subnet::returns::{BlockInputs, PoolInputs, SubnetInputs, SubnetReturns, ValidatorReturn};

impl EpochRow {
    /// What one block says of the epochs that ran in it, of every subnet and pool that was read.
    pub fn of(block: &BlockInputs) -> Vec<Self> {
        let ran = block.subnets.iter().filter(|subnet| subnet.clock.ran_here());
        ran.flat_map(|subnet| subnet.pools.iter().map(|pool| Self::of_pool(block, subnet, pool))).collect()
    }

    /// What the chain says of an epoch before there were dividends in alpha: the shares of those who earned any.
    pub fn of_metagraph(metagraph: &Metagraph, block: &BlockInputs, subnet: &SubnetInputs) -> Vec<Self> {
        let earning = metagraph.iter().filter(|neuron| neuron.dividends > Some(0));
        let row = |neuron: Neuron<'_>| {
            Some(Self {
                block: block.at.number,
                timestamp_ms: block.timestamp_ms,
                netuid: subnet.clock.netuid,
                registered_at: Some(subnet.clock.generation.registered_at),
                registration_counter: subnet.clock.generation.counter,
                tempo: Some(subnet.clock.tempo),
                hotkey: neuron.hotkey?,
                uid: Some(neuron.uid),
                dividend: None,
                dividend_share: neuron.dividends,
                emission: neuron.emission,
                stake_after: None,
                stake: neuron.total_stake,
                take: None,
                missing_before: 0,
                pool_epoch: None,
                shares: None,
                shares_exponent: None,
                spot_price: None,
            })
        };
        earning.filter_map(row).collect()
    }

    fn of_pool(block: &BlockInputs, subnet: &SubnetInputs, pool: &PoolInputs) -> Self {
        let (shares, shares_exponent) = match pool.shares {
            Some(Shares::Fixed(bits)) => (Some(Digits(bits)), None),
            Some(Shares::Float { mantissa, exponent }) => (Some(Digits(mantissa)), Some(exponent)),
            None => (None, None),
        };
        Self {
            block: block.at.number,
            timestamp_ms: block.timestamp_ms,
            netuid: subnet.clock.netuid,
            registered_at: Some(subnet.clock.generation.registered_at),
            registration_counter: subnet.clock.generation.counter,
            tempo: Some(subnet.clock.tempo),
            hotkey: pool.hotkey,
            uid: pool.uid,
            dividend: pool.epoch.dividend,
            dividend_share: None,
            emission: None,
            stake_after: pool.epoch.stake_after,
            stake: pool.epoch.stake,
            take: pool.take,
            missing_before: 0,
            pool_epoch: pool.pool_epoch,
            shares,
            shares_exponent,
            spot_price: subnet.spot.and_then(|spot| spot.price()),
        }
    }
}

impl EpochRow {
    /// What this row says of its validator, for [`window_report`](crate::apy::window_report): a window computed from stored
    /// rows is the one that was computed from the chain.
    pub fn observation(&self) -> Observation {
        let shares = self.shares.map(|Digits(digits)| match self.shares_exponent {
            None => Shares::Fixed(digits),
            Some(exponent) => Shares::Float { mantissa: digits, exponent },
        });
        let generation =
            Generation { registered_at: self.registered_at.unwrap_or_default(), counter: self.registration_counter };
        Observation {
            block: self.block,
            timestamp_ms: self.timestamp_ms,
            pool: Pool { hotkey: self.hotkey.0, generation, epoch: self.pool_epoch },
            price: self.stake.zip(shares).and_then(|(stake, shares)| SharePrice::new(stake, shares)).into(),
            epoch: Some(EpochState { dividend: self.dividend, stake_after: self.stake_after, stake: self.stake }),
            missing_before: self.missing_before,
            spot: self.spot_price.and_then(Spot::of_price),
        }
    }
}

impl ApyRow {
    /// The yield of each validator of a window, and of all of the subnet together.
    pub fn of(returns: &SubnetReturns) -> Vec<Self> {
        let validators = returns.validators.iter().map(|validator| Self::of_validator(returns, validator));
        validators.chain([Self::new(returns, &returns.subnet)]).collect()
    }

    fn of_validator(returns: &SubnetReturns, validator: &ValidatorReturn) -> Self {
        let (report, tao) = (&validator.report, &validator.report.tao);
        Self {
            hotkey: Some(validator.hotkey),
            uid: validator.uid,
            take: validator.take,
            stake: validator.stake,
            check_agrees: report.check.as_ref().map(|check| check.agrees),
            tao_apy: tao.apy,
            tao_apr: tao.apr,
            tao_growth: tao.growth,
            tao_reason: tao.reason.map(|reason| reason.word().to_owned()),
            ..Self::new(returns, &report.alpha)
        }
    }

    fn new(returns: &SubnetReturns, alpha: &WindowReturn) -> Self {
        Self {
            block_start: returns.first,
            block_end: returns.last,
            timestamp_start_ms: returns.window.start_ms(),
            timestamp_end_ms: returns.window.end_ms(),
            netuid: returns.netuid,
            hotkey: None,
            uid: None,
            take: None,
            stake: None,
            apy: alpha.apy,
            apr: alpha.apr,
            growth: alpha.growth,
            coverage: alpha.coverage,
            epochs: alpha.epochs,
            missing_epochs: alpha.missing_epochs,
            reason: alpha.reason.map(|reason| reason.word().to_owned()),
            short: alpha.short,
            overflow: alpha.overflow,
            check_agrees: None,
            tao_apy: None,
            tao_apr: None,
            tao_growth: None,
            tao_reason: None,
        }
    }
}
