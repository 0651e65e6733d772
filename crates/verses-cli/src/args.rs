//! What can be typed: commands, flags and environment variables. What they do is in `commands`.

mod serve;

use std::path::PathBuf;

pub use self::serve::{DatabaseArgs, ForwardedHeaderArg, KeysArgs, KeysCommand, PostgresArgs, ServeArgs, TokenArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Memorise Bible passages on any network, or none.
///
/// Everything works offline: what you add and review is saved at once and waits in a queue. `verses sync` sends it
/// in batches when there is a network. Exit codes: 0 done, 1 error, 2 usage, 3 done but some operations failed,
/// 4 sign-in needed, 5 offline (your work is saved and queued).
#[derive(Debug, Parser)]
#[command(name = "verses", version, max_term_width = 100)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Folder that holds this device's data [default: the user's data folder]
    #[arg(long, global = true, env = "VERSES_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Address of the server; remembered after the first sign-in [default: http://127.0.0.1:54321]
    #[arg(long, global = true, env = "VERSES_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// IANA time zone of this device, used until the profile names one [default: the system's]
    #[arg(long, global = true, env = "VERSES_TIMEZONE", value_name = "ZONE", hide = true)]
    pub timezone: Option<String>,
    /// Settings of batching.
    #[command(flatten)]
    pub batch: BatchArgs,
}

/// Settings of batching (for `sync`, `add` and `status`).
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Batching")]
pub struct BatchArgs {
    /// Operations that make a batch full, and the size batches start from
    #[arg(long, global = true, env = "VERSES_MAX_BATCH_SIZE", value_name = "N", hide_short_help = true)]
    pub max_batch_size: Option<u32>,
    /// How long an operation waits for others, milliseconds
    #[arg(long, global = true, env = "VERSES_BATCH_TIMEOUT_MS", value_name = "MS", hide_short_help = true)]
    pub batch_timeout_ms: Option<u64>,
    /// Tries before an operation that keeps failing goes to the inbox
    #[arg(long, global = true, env = "VERSES_MAX_RETRIES", value_name = "N", hide_short_help = true)]
    pub max_retries: Option<u32>,
    /// Adapt the size of batches to the network: true or false
    #[arg(long, global = true, env = "VERSES_NETWORK_AWARE_THROTTLING", value_name = "BOOL", hide_short_help = true)]
    pub network_aware_throttling: Option<bool>,
    /// Most operations the queue holds
    #[arg(long, global = true, env = "VERSES_MAX_QUEUE_LEN", value_name = "N", hide_short_help = true)]
    pub max_queue_len: Option<u64>,
    /// One request per operation, never a batch
    #[arg(long, global = true, env = "VERSES_INDIVIDUAL_ONLY", hide_short_help = true)]
    pub individual_only: bool,
    /// Give up on a connection attempt after this long, milliseconds
    #[arg(long, global = true, env = "VERSES_CONNECT_TIMEOUT_MS", value_name = "MS", hide_short_help = true)]
    pub connect_timeout_ms: Option<u64>,
    /// Give up on a request when nothing moves for this long, milliseconds
    #[arg(long, global = true, env = "VERSES_STALL_TIMEOUT_MS", value_name = "MS", hide_short_help = true)]
    pub stall_timeout_ms: Option<u64>,
    /// How long a refused batch endpoint rests before it is tried again, milliseconds
    #[arg(long, global = true, env = "VERSES_PROBE_INTERVAL_MS", value_name = "MS", hide = true)]
    pub probe_interval_ms: Option<u64>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add passages to your collection
    Add(AddArgs),
    /// Show what is understood of a reference, without adding anything
    Parse(ParseArgs),
    /// Show the text of a passage
    Lookup(LookupArgs),
    /// List your collection
    List(ListArgs),
    /// List what is due today
    Due,
    /// Review: interactively what is due, or one passage with --pass or --fail
    Review(ReviewArgs),
    /// Show or change your profile
    Profile(ProfileArgs),
    /// Put a passage away, or take it out again
    Archive(ArchiveArgs),
    /// Set the phase of a passage by hand
    Phase(PhaseArgs),
    /// Send what waits and fetch what changed
    Sync(SyncArgs),
    /// Look at the queue: what waits, and the inbox of what failed
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Show how things stand, and why anything is stuck
    Status,
    /// Make an account; what you did as a guest becomes yours
    Signup(SignupArgs),
    /// Sign in; what you did as a guest becomes yours
    Login(CredentialArgs),
    /// Sign out; what waits stays parked until you sign in again
    Logout(LogoutArgs),
    /// All data of your account, or its end
    #[command(subcommand)]
    Account(AccountCommand),
    /// Run the server
    Serve(Box<ServeArgs>),
    /// The keys that sign a server's tokens
    #[command(subcommand)]
    Keys(KeysCommand),
    /// See it work: two devices, a slow link, a real server
    Demo(DemoArgs),
}

/// `verses add`
#[derive(Debug, Args)]
pub struct AddArgs {
    /// References, e.g. "John 3:16" "Rom 8:28; Eph 2:8-9"; "-" reads them from standard input, one or more a line
    #[arg(value_name = "REF", required_unless_present_any = ["file", "starter"])]
    pub references: Vec<String>,
    /// Read references from a file, one or more a line; lines that begin with # are skipped
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Add the starter list that comes with Verses, or one pack of it
    #[arg(long, value_name = "PACK", num_args = 0..=1, default_missing_value = "all")]
    pub starter: Option<String>,
    /// Translation, e.g. KJV or WEB [default: the profile's, else KJV]
    #[arg(long, short, value_name = "NAME")]
    pub translation: Option<String>,
    /// Your own text for the one reference given; the reference may then be any title
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
}

/// `verses parse`
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// References
    #[arg(value_name = "REF", required = true)]
    pub references: Vec<String>,
}

/// `verses lookup`
#[derive(Debug, Args)]
pub struct LookupArgs {
    /// One reference
    #[arg(value_name = "REF", required = true, num_args = 1..)]
    pub reference: Vec<String>,
    /// Translation [default: the profile's, else KJV]
    #[arg(long, short, value_name = "NAME")]
    pub translation: Option<String>,
    /// Ask the server, not this device
    #[arg(long)]
    pub remote: bool,
}

/// `verses list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Also what was put away
    #[arg(long)]
    pub all: bool,
    /// Only this phase
    #[arg(long, value_enum)]
    pub phase: Option<PhaseArg>,
    /// Only verses whose text no server has confirmed yet
    #[arg(long)]
    pub unverified: bool,
}

/// `verses review`
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// The passage; without it everything that is due is reviewed, one after the other
    #[arg(value_name = "REF", requires = "outcome")]
    pub reference: Option<String>,
    /// You recalled it
    #[arg(long, group = "outcome", requires = "reference")]
    pub pass: bool,
    /// You did not
    #[arg(long, group = "outcome", requires = "reference")]
    pub fail: bool,
    /// Seconds it took
    #[arg(long, value_name = "N", requires = "outcome")]
    pub seconds: Option<u32>,
    /// Translation, when you have the passage in several
    #[arg(long, short, value_name = "NAME")]
    pub translation: Option<String>,
}

/// `verses profile`
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// Your name
    #[arg(long, value_name = "NAME")]
    pub full_name: Option<String>,
    /// Translation used when none is named
    #[arg(long, value_name = "NAME")]
    pub translation: Option<String>,
    /// How references are shown in review
    #[arg(long, value_enum)]
    pub reference_display: Option<ReferenceDisplayArg>,
    /// Your IANA time zone, e.g. Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
}

/// `verses archive`
#[derive(Debug, Args)]
pub struct ArchiveArgs {
    /// The passage
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Take it out again
    #[arg(long)]
    pub restore: bool,
    /// Translation, when you have the passage in several
    #[arg(long, short, value_name = "NAME")]
    pub translation: Option<String>,
}

/// `verses phase`
#[derive(Debug, Args)]
pub struct PhaseArgs {
    /// The passage
    #[arg(value_name = "REF")]
    pub reference: String,
    /// The phase
    #[arg(value_enum)]
    pub phase: PhaseArg,
    /// Translation, when you have the passage in several
    #[arg(long, short, value_name = "NAME")]
    pub translation: Option<String>,
}

/// `verses sync`
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Stay, and sync on every change, at intervals, and when the network comes back
    #[arg(long)]
    pub watch: bool,
    /// Seconds between looks at the server, with --watch
    #[arg(long, value_name = "N", default_value_t = 60, requires = "watch")]
    pub interval: u64,
    /// Only send
    #[arg(long, conflicts_with = "pull_only")]
    pub push_only: bool,
    /// Only fetch
    #[arg(long)]
    pub pull_only: bool,
    /// Keep trying this many seconds when the server cannot be reached
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "watch")]
    pub patience: u64,
}

/// `verses queue`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// What waits and what failed
    List {
        /// Only what failed
        #[arg(long)]
        failed: bool,
    },
    /// Send failed operations again
    Retry {
        /// Their ids; the beginning is enough
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// All of them
        #[arg(long)]
        all: bool,
        /// Supply your own text for the one failed creation given
        #[arg(long, value_name = "TEXT", conflicts_with = "all")]
        text: Option<String>,
    },
    /// Give up operations; their effect on this device is undone
    Discard {
        /// Their ids; the beginning is enough
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
    /// Write all operations of the queue as JSON lines
    Export {
        /// File to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// `verses signup`
#[derive(Debug, Args)]
pub struct SignupArgs {
    /// E-mail and password.
    #[command(flatten)]
    pub credentials: CredentialArgs,
    /// Without e-mail and password: an account that only this device knows
    #[arg(long)]
    pub anonymous: bool,
}

/// E-mail and password
#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// E-mail address; asked for if missing
    #[arg(long, value_name = "ADDRESS", env = "VERSES_EMAIL")]
    pub email: Option<String>,
    /// Read the password from a file; "-" is standard input [default: VERSES_PASSWORD, else asked for]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// `verses logout`
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// On all devices
    #[arg(long)]
    pub everywhere: bool,
}

/// `verses account`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Get everything the server holds about you, as JSON
    Export {
        /// Write to this file instead of standard output; only you can read it
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Delete everything the server holds about you, for good, and what is on this device
    Delete {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `verses demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Round trip of the slow link, milliseconds
    #[arg(long, default_value_t = 300, value_name = "MS")]
    pub rtt_ms: u64,
    /// Upward bandwidth of the slow link, kbit/s
    #[arg(long, default_value_t = 780, value_name = "KBIT")]
    pub up_kbit: u64,
    /// Downward bandwidth of the slow link, kbit/s
    #[arg(long, default_value_t = 1_600, value_name = "KBIT")]
    pub down_kbit: u64,
    /// Leave the demonstration's files in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Phases, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhaseArg {
    /// Every day
    Daily,
    /// Once a week
    Weekly,
    /// Every second week
    Biweekly,
    /// Once a month
    Monthly,
}

impl From<PhaseArg> for verses_core::Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Daily => Self::Daily,
            PhaseArg::Weekly => Self::Weekly,
            PhaseArg::Biweekly => Self::Biweekly,
            PhaseArg::Monthly => Self::Monthly,
        }
    }
}

/// Display modes, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReferenceDisplayArg {
    /// "John 3:16"
    Full,
    /// First letters
    First,
    /// Nothing
    Blank,
}

impl From<ReferenceDisplayArg> for verses_core::ReferenceDisplayMode {
    fn from(mode: ReferenceDisplayArg) -> Self {
        match mode {
            ReferenceDisplayArg::Full => Self::Full,
            ReferenceDisplayArg::First => Self::First,
            ReferenceDisplayArg::Blank => Self::Blank,
        }
    }
}
