//! What of the package's own files an instance uses: which limactl, and where its template
//! finds a disk image and containerd.
//!
//! Must not know: the disk.

use std::ops::Range;

use super::error::SpecError;
use super::examine::Examined;
use super::names::{list, quoted};
use super::tables::{Options, Settings};
use super::{AbsolutePath, Architecture, IdentifierPrefix, Template};
use crate::bundle::{GuestFile, Lima};
use crate::template::{self, From, Local};

/// What an instance uses of what the package brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundled {
    /// limactl of the package's Lima.
    pub limactl: Option<AbsolutePath>,
    /// What its template names.
    pub files: Vec<GuestFile>,
}

/// Where packages lay down Lima, and what its guests are made of.
pub fn lima_root(prefix: &IdentifierPrefix) -> String {
    format!("/opt/{prefix}/lima")
}

/// limactl of the package's Lima. `current` is a link to the newest version that was installed.
pub fn limactl(prefix: &IdentifierPrefix) -> AbsolutePath {
    let path = format!("{}/current/bin/limactl", lima_root(prefix));
    AbsolutePath::parse_program(&path).expect("a prefix has letters, digits, dots and hyphens")
}

/// Where packages lay down a file for guests. Its digest is in the path, so that packages with
/// different files do not touch each other's.
pub fn file_path(prefix: &IdentifierPrefix, file: &GuestFile) -> String {
    format!("{}/images/{}/{}", lima_root(prefix), file.file.sha256, file.file.name)
}

/// What the settings say beside the instance.
pub struct Around<'a> {
    /// The settings file.
    pub settings: Option<&'a Settings>,
    /// The instance's name, and its place in the file.
    pub name: &'a str,
    /// See above; `None`: the command line.
    pub span: Option<Range<usize>>,
    /// The instance's own settings.
    pub own: &'a Options,
    /// Those of all.
    pub defaults: &'a Options,
    /// Prefix of package identifiers.
    pub prefix: &'a IdentifierPrefix,
    /// Lima, if packages bring it.
    pub lima: Option<&'a Lima>,
}

impl Around<'_> {
    fn refused(&self, span: Option<Range<usize>>, message: String) -> SpecError {
        match (self.settings, span.or_else(|| self.span.clone())) {
            (Some(settings), Some(span)) => SpecError::at(&settings.source, span, message),
            _ => SpecError::flag("INSTANCE", message),
        }
    }

    /// The processors that a package is for where the settings do not say.
    pub fn architectures(&self, given: Option<Vec<Architecture>>) -> Vec<Architecture> {
        let of_lima = || self.lima.map(Lima::architectures);
        given.or_else(of_lima).unwrap_or_else(|| Architecture::ALL.to_vec())
    }

    /// What the instance uses of the package's files, and the template that the package holds.
    pub fn bundled(
        &self,
        names_limactl: bool,
        architectures: &[Architecture],
    ) -> Result<(Bundled, Option<Template>), SpecError> {
        let template = self.own.template_text.as_ref().or(self.defaults.template_text.as_ref());
        let mut bundled = Bundled::default();
        if let Some(lima) = self.lima.filter(|_| !names_limactl) {
            let missing = architectures.iter().find(|one| !lima.architectures().contains(one));
            if let Some(missing) = missing {
                return Err(self.refused(None, self.no_lima_for(*missing)));
            }
            bundled.limactl = Some(limactl(self.prefix));
        }
        let images = self.own.image_files.as_ref().or(self.defaults.image_files.as_ref());
        let archives = self.own.containerd_files.as_ref().or(self.defaults.containerd_files.as_ref());
        let first = images.into_iter().chain(archives).flatten().next();
        let (template, span) = match (template, self.template_span()) {
            (Some(template), span) => (template, span),
            (None, _) if first.is_some() => {
                let message = format!(
                    "{} has no template, and only what creates an instance uses this file; add `template`",
                    quoted(self.name)
                );
                return Err(self.refused(first.map(|one| one.span.clone()), message));
            }
            (None, _) => return Ok((bundled, None)),
        };
        let images = self.for_each(images, architectures)?;
        let archives = self.for_each(archives, architectures)?;
        let local = |file: &GuestFile| Local {
            arch: template::arch(file.architecture),
            location: file_path(self.prefix, file),
            digest: format!("sha256:{}", file.file.sha256),
        };
        let [with_images, with_archives] =
            [&images, &archives].map(|files| files.iter().map(local).collect::<Vec<_>>());
        let text = template::with_files(template.as_str(), &with_images, &with_archives)
            .map_err(|message| self.refused(span.clone(), message))?;
        self.check_offline(&text, span)?;
        bundled.files = [images, archives].concat();
        Ok((bundled, Some(text.into())))
    }

    fn no_lima_for(&self, missing: Architecture) -> String {
        format!(
            "the package of {} is for {missing} too, and no archive of Lima is: add Lima's archive for {missing}, or \
             leave {missing} out of `architectures`",
            quoted(self.name)
        )
    }

    fn template_span(&self) -> Option<Range<usize>> {
        [self.own, self.defaults].iter().find_map(|options| options.template_span())
    }

    /// A file for each processor of the package.
    fn for_each(
        &self,
        files: Option<&Vec<Examined>>,
        architectures: &[Architecture],
    ) -> Result<Vec<GuestFile>, SpecError> {
        let Some(files) = files else { return Ok(Vec::new()) };
        let mut all: Vec<GuestFile> = Vec::new();
        for Examined { span, architecture, file } in files {
            let refused = |message: String| Err(self.refused(Some(span.clone()), message));
            let architecture = match (architecture, architectures) {
                (Some(architecture), _) => *architecture,
                (None, [only]) => *only,
                (None, several) => {
                    return refused(format!(
                        "the package of {} is for {}: say which this file is for, as `architecture = \"arm64\"`, or set \
                         `architectures`",
                        quoted(self.name),
                        list(several.iter().map(|one| one.as_str()), "and")
                    ));
                }
            };
            if all.iter().any(|other| other.architecture == architecture) {
                return refused(format!("there is another file for {architecture} already; leave one out"));
            }
            // A package for one processor has no use for the others' files.
            if architectures.contains(&architecture) {
                all.push(GuestFile { architecture, file: file.clone() });
            }
        }
        if let Some(missing) =
            architectures.iter().find(|one| all.iter().all(|file| file.architecture != **one))
        {
            return Err(self.refused(
                files.first().map(|one| one.span.clone()),
                format!(
                    "the package of {} is for {missing} too, and no file here is; add one, or leave {missing} out of \
                     `architectures`",
                    quoted(self.name)
                ),
            ));
        }
        all.sort_by_key(|one| one.architecture);
        Ok(all)
    }

    /// That nothing has to come from the network, where there is none.
    fn check_offline(&self, text: &str, span: Option<Range<usize>>) -> Result<(), SpecError> {
        if self.settings.is_none_or(|settings| settings.offline != Some(true)) {
            return Ok(());
        }
        let fetches = template::fetches(text).map_err(|message| {
            self.refused(span.clone(), format!("this is not a Lima template: {message}"))
        })?;
        let Some(fetch) = fetches.into_iter().find(|fetch| fetch.from != From::File) else { return Ok(()) };
        let what = match &fetch.location {
            Some(location) => format!("its {} {}", fetch.what, quoted(location)),
            None => format!("its {}", fetch.what),
        };
        let advice = match fetch.what {
            template::What::Image | template::What::Kernel | template::What::Initrd => {
                "give the disk image with `image`"
            }
            template::What::Containerd => {
                "give nerdctl's archive with `containerd`, or switch containerd off in the template"
            }
            template::What::Base | template::What::Provision => {
                "make the template whole with `limactl template copy --embed-all`"
            }
        };
        let from =
            if fetch.from == From::Network { "comes from the network" } else { "may need the network" };
        let message = format!("{what} {from}, and this is to work offline (`offline = true`): {advice}");
        Err(self.refused(span, message))
    }
}
