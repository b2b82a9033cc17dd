"""Building blocks of pages: one HTML file that needs nothing else, charts as SVG. No torch."""
