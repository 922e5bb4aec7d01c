# Prints Unicode properties that Python lacks, with the age of each code point. Part of generate.py.
use strict;
use warnings;
use Unicode::UCD qw(prop_invmap);

for my $property ("Age", "Script", "Grapheme_Cluster_Break", "Indic_Syllabic_Category") {
    my ($starts, $values) = prop_invmap($property);
    print "$property $starts->[$_] $values->[$_]\n" for 0 .. $#$starts;
}
