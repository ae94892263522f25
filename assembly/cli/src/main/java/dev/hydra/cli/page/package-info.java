/** What is shown to people: tables, and pages of HTML with plots that load nothing else. */
@NullMarked
package dev.hydra.cli.page;

import org.jspecify.annotations.NullMarked;
